/** Whether a file is a mediasoup worker that this machine can run. */

import { run } from '../setup/command.mjs'

/** A worker whose parent does not name its version ends so (its main.cpp). */
const NOT_MY_FATHER = 41
const TIME_LIMIT_MS = 60_000

/**
 * Why a file is not a worker that runs here, or undefined if it is one. Its
 * version does not show; only a proof tells that.
 *
 * @param {string} path
 * @returns {Promise<string | undefined>}
 */
export async function whyNotRunnable(path) {
  try {
    const { code, tail } = await run(path, [], {
      env: {},
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    })
    if (code === NOT_MY_FATHER) return undefined
    const lastLine = tail.at(-1)
    return `it ended with code ${code}` + (lastLine ? `: ${lastLine}` : '')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
