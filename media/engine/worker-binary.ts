import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { version, workerBin } from 'mediasoup'

import { EngineError } from './engine-error.ts'

/** Returns the paths of the worker, in the order in which they are tried. */
function workerBinaryPaths(
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const home = env['XDG_CACHE_HOME'] ?? ''
  const cache = home === '' ? join(homedir(), '.cache') : home
  const { platform, arch } = process
  const name = `mediasoup-worker-${version}-${platform}-${arch}`
  const given = env['MEDIASOUP_WORKER_BIN'] ?? ''
  // If MEDIASOUP_WORKER_BIN is set, use it or fail; never fall back.
  if (given !== '') return [given]
  return [join(cache, 'dragonfork', name), workerBin]
}

/**
 * Finds the mediasoup worker that set-up has installed.
 * @throws {EngineError} `worker`, naming the command that installs one
 */
export function findWorkerBinary(
  env: Readonly<Record<string, string | undefined>>,
): string {
  const paths = workerBinaryPaths(env)
  const found = paths.find(isExecutable)
  if (found !== undefined) return found
  throw new EngineError(
    'worker',
    `Cannot find a mediasoup ${version} worker at ${paths.join(' or ')}; ` +
      'run: node deploy/local/setup.mjs',
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
