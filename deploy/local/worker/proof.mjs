/**
 * The proof that a worker works: a real DTLS handshake, once for each worker
 * and each version of mediasoup, wherever the file is.
 */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE } from '../setup/checkout.mjs'
import { run } from '../setup/command.mjs'

const HANDSHAKE = fileURLToPath(new URL('handshake.ts', import.meta.url))
/** A worker of another version leaves its first request unanswered. */
const TIME_LIMIT_MS = 30_000

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

  await context.report.step(
    'mediasoup worker: proving it by a DTLS handshake',
    'a few seconds',
    () => handshake(path, context),
  )
  await mkdir(cache, { recursive: true })
  await writeFile(stamp, `${path}\n`)
}

/**
 * @param {string} path
 * @param {import('../setup/context.mjs').Context} context
 */
async function handshake(path, { env, signal }) {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS)
  try {
    const { code, tail } = await run(NODE, [HANDSHAKE, path], {
      env,
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
