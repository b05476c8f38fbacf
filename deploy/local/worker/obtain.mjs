/** Obtains a worker from the first of four sources that has a working one. */

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { setting } from '../setup/checkout.mjs'
import { SetupError } from '../setup/context.mjs'
import { buildWorker } from './build.mjs'
import { downloadWorker } from './prebuilt.mjs'
import { proveWorker, whyNotRunnable } from './proof.mjs'
import { sweepWorkshops } from './workshop.mjs'

/** mediasoup's own setting. */
const SKIP_DOWNLOAD = 'MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD'

/**
 * @typedef {import('./place.mjs').Place} Place
 * @typedef {import('../setup/context.mjs').Context} Context
 */

/**
 * The worker that MEDIASOUP_WORKER_BIN names, the cached one, or the official
 * prebuilt one. Reports why it cannot use one.
 *
 * @param {Place} place
 * @param {Context} context
 * @returns {Promise<string | undefined>} its path; undefined: it must be built
 */
export async function findWorker(place, context) {
  const { env } = context
  await sweepWorkshops(place.cache)

  /**
   * @param {string} what
   * @param {() => Promise<string>} get
   */
  const attempt = async (what, get) => {
    try {
      return await get()
    } catch (error) {
      context.signal?.throwIfAborted()
      context.report.say(
        `mediasoup worker: cannot ${what}: ${messageOf(error)}`,
      )
      return undefined
    }
  }
  /**
   * @param {string} worker
   * @param {string} what
   */
  const existing = (worker, what) =>
    attempt(`${what}, ${worker}`, () => check(worker, place, context))

  const given = setting(env, 'MEDIASOUP_WORKER_BIN')
  const cached = existsSync(place.worker) ? place.worker : undefined
  const isOffline = setting(env, SKIP_DOWNLOAD) !== undefined
  return (
    (given && (await existing(given, 'use MEDIASOUP_WORKER_BIN'))) ??
    (cached && (await existing(cached, 'use the cached one'))) ??
    (isOffline
      ? undefined
      : await attempt('use the official one', async () =>
          checkNew(await downloadWorker(place, context), place, context),
        ))
  )
}

/**
 * Builds the worker, which takes about eight minutes. The Debian packages that
 * this needs must be installed.
 *
 * @param {Place} place
 * @param {Context} context
 * @returns {Promise<string>} its path
 */
export async function makeWorker(place, context) {
  const worker = await buildWorker(place, context)
  try {
    return await checkNew(worker, place, context)
  } catch (cause) {
    context.signal?.throwIfAborted()
    throw new SetupError(
      `The mediasoup worker was built but does not work: ${messageOf(cause)}` +
        '\nSet MEDIASOUP_WORKER_BIN to the path of a mediasoup worker ' +
        `${place.version}, then run this again`,
      { cause },
    )
  }
}

/**
 * Like `check`, but removes a worker that fails from the cache.
 *
 * @param {string} worker
 * @param {Place} place
 * @param {Context} context
 */
async function checkNew(worker, place, context) {
  try {
    return await check(worker, place, context)
  } catch (error) {
    await rm(worker, { force: true })
    throw error
  }
}

/**
 * Returns the path of a worker that works.
 *
 * @param {string} worker
 * @param {Place} place
 * @param {Context} context
 * @throws {Error} with the reason if it does not
 */
async function check(worker, place, context) {
  const why = await whyNotRunnable(worker)
  if (why) throw new Error(why)
  await proveWorker(worker, place, context)
  return worker
}

/**
 * The message with that of the cause, in which fetch() hides the reason.
 *
 * @param {unknown} error
 */
function messageOf(error) {
  if (!(error instanceof Error)) return String(error)
  const { message, cause } = error
  // A step's error already quotes its cause.
  return cause instanceof Error && !message.includes(cause.message)
    ? `${message} (${cause.message})`
    : message
}
