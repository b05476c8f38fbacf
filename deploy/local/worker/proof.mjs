/**
 * The proof that a worker works: a real DTLS handshake, once for each worker
 * and each version of mediasoup, wherever the file is.
 */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE } from '../setup/checkout.mjs'
import { keepText } from '../setup/keep.mjs'
import { step } from '../setup/step.mjs'

const HANDSHAKE = fileURLToPath(new URL('handshake.ts', import.meta.url))
/**
 * A worker of another version leaves its first request unanswered. A good one
 * takes a second, on a machine that is busy ten times that.
 */
const TIME_LIMIT_MS = 120_000
const PLAN = {
  log: 'worker-proof',
  what: 'mediasoup worker: proving it by a DTLS handshake',
  usually: 'a few seconds',
  advice: 'It is not used.',
}

/**
 * Proves a worker unless its content was proven before: one that fails throws,
 * with the reason.
 *
 * @param {string} path
 * @param {import('./place.mjs').Place} place where the stamp is kept
 * @param {import('../setup/context.mjs').Context} context
 */
export async function proveWorker(path, { version, cache }, context) {
  const content = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
    .slice(0, 16)
  const stamp = join(cache, `mediasoup-worker-${version}-${content}.proven`)
  if (existsSync(stamp)) return

  await step(PLAN, context, ({ run }) => handshake(path, run, context.signal))
  await mkdir(cache, { recursive: true })
  await keepText(stamp, `${path}\n`)
}

/**
 * @param {string} path
 * @param {import('../setup/step.mjs').Step['run']} run
 * @param {AbortSignal | undefined} signal
 */
async function handshake(path, run, signal) {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS)
  try {
    const { code, tail } = await run(NODE, [HANDSHAKE, path], {
      signal: AbortSignal.any([limit, ...(signal ? [signal] : [])]),
    })
    if (code === 0) return
    throw new Error(tail.join('\n') || `the proof ended with code ${code}`)
  } catch (error) {
    if (!limit.aborted) throw error
    const seconds = TIME_LIMIT_MS / 1000
    throw new Error(`no handshake within ${seconds} s`, { cause: error })
  }
}
