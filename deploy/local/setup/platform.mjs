/** Where this project runs. */

import { SetupError } from './context.mjs'

const MIN_NODE = 20
/** Node 24 and the packages with compiled code exist for these only. */
const ARCHITECTURES = ['x64', 'arm64']

/**
 * @throws {SetupError} if this machine or its Node is not supported
 */
export function checkPlatform() {
  const { arch, versions } = process
  if (!ARCHITECTURES.includes(arch)) {
    throw new SetupError(
      `Node on this machine is built for ${arch}; supported are ` +
        `${ARCHITECTURES.join(' and ')}. On a 64-bit ARM board, install a ` +
        '64-bit Debian (arm64)',
    )
  }
  if (parseInt(versions.node) < MIN_NODE) {
    throw new SetupError(
      `Node ${versions.node} is too old, ${MIN_NODE} is needed`,
    )
  }
}
