/** The official prebuilt worker, which mediasoup's makers publish. */

import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run } from '../setup/command.mjs'
import { whyNotRunnable } from './runnable.mjs'

const PROGRAM = 'mediasoup-worker'
/** The published tarballs are a tenth of this. */
const SIZE_LIMIT_BYTES = 64 * 1024 * 1024
export const TIME_LIMIT_MS = 60_000

/**
 * Downloads the worker into the cache and returns its path. Throws with the
 * reason where there is none, or not for this machine. mediasoup's own
 * postinstall would then go on to build it with pip and Meson's wraps.
 *
 * @param {import('./place.mjs').Place} place
 * @param {import('../setup/context.mjs').Context} context
 * @param {number} [timeLimitMs]
 * @returns {Promise<string>}
 */
export async function downloadWorker(place, context, timeLimitMs) {
  const limit = AbortSignal.timeout(timeLimitMs ?? TIME_LIMIT_MS)
  const { report } = context
  const signal = AbortSignal.any([
    limit,
    ...(context.signal ? [context.signal] : []),
  ])
  await mkdir(place.cache, { recursive: true })
  const folder = await mkdtemp(join(place.cache, 'download-'))
  try {
    return await report.step(
      `mediasoup worker ${place.version}: downloading the official one`,
      'a few seconds',
      async progress => {
        const archive = join(folder, 'worker.tgz')
        await fetchTo(archive, place.prebuilt, progress, signal)
        const { code, tail } = await run(
          'tar',
          ['-xzf', archive, '-C', folder, PROGRAM],
          { signal },
        )
        if (code !== 0) throw new Error(`tar: ${tail.join('; ')}`)
        const worker = join(folder, PROGRAM)
        const reason = await whyNotRunnable(worker)
        if (reason) throw new Error(`it does not run here: ${reason}`)
        await rename(worker, place.worker)
        return place.worker
      },
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
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
