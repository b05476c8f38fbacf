import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { version, workerBin } from 'mediasoup'

import { EngineError } from './engine-error.ts'

/** Where a worker may be, in the order they are tried. */
export function workerBinaryPlaces(
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const home = env['XDG_CACHE_HOME'] ?? ''
  const cache = home === '' ? join(homedir(), '.cache') : home
  const { platform, arch } = process
  const name = `mediasoup-worker-${version}-${platform}-${arch}`
  const given = env['MEDIASOUP_WORKER_BIN'] ?? ''
  // A worker that was asked for is used or its lack is told, never replaced.
  if (given !== '') return [given]
  return [join(cache, 'dragonfork', name), workerBin]
}

/**
 * Finds the mediasoup worker that set-up has put in place.
 * @throws {EngineError} `worker`, naming the command that obtains one
 */
export function findWorkerBinary(
  env: Readonly<Record<string, string | undefined>>,
): string {
  const places = workerBinaryPlaces(env)
  const found = places.find(isExecutable)
  if (found !== undefined) return found
  throw new EngineError(
    'worker',
    `Cannot find a mediasoup ${version} worker at ${places.join(' or ')}; ` +
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
