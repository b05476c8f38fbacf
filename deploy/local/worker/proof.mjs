/** Whether a file is a mediasoup worker that works on this machine. */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE } from '../setup/checkout.mjs'
import { run } from '../setup/command.mjs'
import { keepText } from '../setup/keep.mjs'
import { step } from '../setup/step.mjs'

const HANDSHAKE = fileURLToPath(new URL('handshake.ts', import.meta.url))
/** The exit code of a worker whose parent passes no version (its main.cpp). */
const NO_VERSION = 41
const START_TIMEOUT_MS = 60_000
/**
 * A worker of another version does not answer the first request. A good one
 * takes a second, or ten on a busy machine.
 */
const PROOF_TIMEOUT_MS = 120_000
const PLAN = {
  log: 'worker-proof',
  what: 'mediasoup worker: proving it by a DTLS handshake',
  usually: 'a few seconds',
  advice: 'It is not used.',
}

/**
 * Why a file is not a worker that this machine can start, or undefined if it is
 * one. Its version does not show here, only in a proof.
 *
 * @param {string} path
 * @returns {Promise<string | undefined>}
 */
export async function whyNotRunnable(path) {
  try {
    const { code, tail } = await run(path, [], {
      env: {},
      signal: AbortSignal.timeout(START_TIMEOUT_MS),
    })
    if (code === NO_VERSION) return undefined
    const lastLine = tail.at(-1)
    return `it ended with code ${code}` + (lastLine ? `: ${lastLine}` : '')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Proves a worker by a real DTLS handshake, once for each content of the file
 * and each version of mediasoup.
 *
 * @param {string} path
 * @param {import('./place.mjs').Place} place where the stamp is kept
 * @param {import('../setup/context.mjs').Context} context
 * @throws {SetupError} with the reason
 */
export async function proveWorker(path, { version, cache }, context) {
  const content = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
    .slice(0, 16)
  const stamp = join(cache, `mediasoup-worker-${version}-${content}.proven`)
  if (existsSync(stamp)) return

  const { signal } = context
  await step(PLAN, context, async ({ run }) => {
    const timeout = AbortSignal.timeout(PROOF_TIMEOUT_MS)
    try {
      const { code, tail } = await run(NODE, [HANDSHAKE, path], {
        signal: AbortSignal.any([timeout, ...(signal ? [signal] : [])]),
      })
      if (code === 0) return
      throw new Error(tail.join('\n') || `the proof ended with code ${code}`)
    } catch (cause) {
      if (!timeout.aborted) throw cause
      const seconds = PROOF_TIMEOUT_MS / 1000
      throw new Error(`no handshake within ${seconds} s`, { cause })
    }
  })
  await mkdir(cache, { recursive: true })
  await keepText(stamp, `${path}\n`)
}
