/** The official prebuilt worker, published by mediasoup's authors. */

import { createWriteStream } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run } from '../setup/command.mjs'
import { keepFile } from '../setup/keep.mjs'
import { whyNotRunnable } from './proof.mjs'
import { inWorkshop } from './workshop.mjs'

const PROGRAM = 'mediasoup-worker'
/** Ten times the size of the published archives. */
const MAX_BYTES = 64 * 1024 * 1024
const DOWNLOAD_TIMEOUT_MS = 60_000

/**
 * Downloads the worker into the cache and returns its path. mediasoup's own
 * postinstall is not used: without a prebuilt worker for this machine, it
 * builds one with pip and downloaded libraries.
 *
 * @param {import('./place.mjs').Place} place
 * @param {import('../setup/context.mjs').Context} context
 * @param {number} [timeoutMs]
 * @returns {Promise<string>}
 * @throws {Error} with the reason if there is none for this machine
 */
export async function downloadWorker(
  place,
  { report, signal },
  timeoutMs = DOWNLOAD_TIMEOUT_MS,
) {
  const timeout = AbortSignal.timeout(timeoutMs)
  const either = AbortSignal.any([timeout, ...(signal ? [signal] : [])])
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
    if (!timeout.aborted) throw cause
    throw new Error(`not done within ${timeoutMs / 1000} s`, { cause })
  }
}

/**
 * @param {string} path
 * @param {string} url
 * @param {(text: string) => void} progress
 * @param {AbortSignal} signal
 */
async function fetchTo(path, url, progress, signal) {
  const response = await fetch(url, { signal })
  if (!response.ok || response.body === null) {
    throw new Error(`${response.status} ${response.statusText} for ${url}`)
  }
  let bytes = 0
  await pipeline(
    response.body,
    /** @param {AsyncIterable<Uint8Array>} chunks */
    async function* (chunks) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        if (bytes > MAX_BYTES) {
          throw new Error(`more than ${MAX_BYTES} bytes at ${url}`)
        }
        progress(`${(bytes / 1e6).toFixed(1)} MB`)
        yield chunk
      }
    },
    createWriteStream(path),
  )
}

/**
 * Unpacks the worker and returns its path.
 *
 * @param {string} archive
 * @param {string} folder
 * @throws {Error} if it does not run here, perhaps because the C library is old
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
