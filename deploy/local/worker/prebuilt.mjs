/** The official prebuilt worker, which mediasoup's makers publish. */

import { createWriteStream } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run } from '../setup/command.mjs'
import { keepFile } from '../setup/keep.mjs'
import { whyNotRunnable } from './runnable.mjs'
import { inWorkshop } from './workshop.mjs'

const PROGRAM = 'mediasoup-worker'
/** The published tarballs are a tenth of this. */
const SIZE_LIMIT_BYTES = 64 * 1024 * 1024
const TIME_LIMIT_MS = 60_000

/**
 * Downloads the worker into the cache and returns its path. Throws with the
 * reason where there is none, or none for this machine. mediasoup's own
 * postinstall would then go on to build one with pip and Meson's wraps.
 *
 * @param {import('./place.mjs').Place} place
 * @param {import('../setup/context.mjs').Context} context
 * @param {number} [timeLimitMs]
 * @returns {Promise<string>}
 */
export async function downloadWorker(
  place,
  { report, signal },
  timeLimitMs = TIME_LIMIT_MS,
) {
  const limit = AbortSignal.timeout(timeLimitMs)
  const either = AbortSignal.any([limit, ...(signal ? [signal] : [])])
  const what = `mediasoup worker ${place.version}: downloading the official one`
  try {
    return await report.step(what, 'a few seconds', progress =>
      inWorkshop(place.cache, async folder => {
        const archive = join(folder, 'worker.tgz')
        await fetchTo(archive, place.prebuilt, progress, either)
        await keepFile(await unpack(archive, folder), place.worker)
        return place.worker
      }),
    )
  } catch (cause) {
    if (!limit.aborted) throw cause
    const seconds = timeLimitMs / 1000
    throw new Error(`not done within ${seconds} s`, { cause })
  }
}

/**
 * @param {string} path
 * @param {string} address
 * @param {(text: string) => void} progress
 * @param {AbortSignal} signal
 */
async function fetchTo(path, address, progress, signal) {
  const response = await fetch(address, { signal })
  if (!response.ok || response.body === null) {
    throw new Error(`${response.status} ${response.statusText} for ${address}`)
  }
  let bytes = 0
  await pipeline(
    response.body,
    /** @param {AsyncIterable<Uint8Array>} chunks */
    async function* (chunks) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        if (bytes > SIZE_LIMIT_BYTES) {
          throw new Error(`more than ${SIZE_LIMIT_BYTES} bytes at ${address}`)
        }
        progress(`${(bytes / 1e6).toFixed(1)} MB`)
        yield chunk
      }
    },
    createWriteStream(path),
  )
}

/**
 * Unpacks the worker and returns its path. Throws if it does not run here,
 * for want of a newer C library perhaps.
 *
 * @param {string} archive
 * @param {string} folder
 */
async function unpack(archive, folder) {
  const tar = ['-xzf', archive, '-C', folder, PROGRAM]
  const { code, tail } = await run('tar', tar)
  if (code !== 0) throw new Error(tail.filter(Boolean).join('; '))
  const worker = join(folder, PROGRAM)
  await chmod(worker, 0o755)
  const reason = await whyNotRunnable(worker)
  if (reason) throw new Error(`it does not run here: ${reason}`)
  return worker
}
