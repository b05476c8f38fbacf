/** Where a worker comes from: the first of four ways that works. */

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { setting } from '../setup/checkout.mjs'
import { SetupError } from '../setup/setup-error.mjs'
import { buildWorker } from './build.mjs'
import { downloadWorker } from './prebuilt.mjs'
import { proveWorker } from './proof.mjs'
import { whyNotRunnable } from './runnable.mjs'
import { sweepWorkshops } from './workshop.mjs'

/** mediasoup's own switch. */
const SKIP_DOWNLOAD = 'MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD'

/**
 * @typedef {import('./place.mjs').Place} Place
 * @typedef {import('../setup/context.mjs').Context} Context
 */

/**
 * The worker that is there already or can be had at once: the one that
 * MEDIASOUP_WORKER_BIN names, the cache's, or the official prebuilt one. Says
 * why it cannot use one. Undefined where all fail: build it.
 *
 * @param {Place} place
 * @param {Context} context
 * @returns {Promise<string | undefined>} its path
 */
export async function findWorker(place, context) {
  const { env } = context
  await sweepWorkshops(place.cache)
  const given = setting(env, 'MEDIASOUP_WORKER_BIN')
  if (given !== undefined) {
    const what = 'use MEDIASOUP_WORKER_BIN'
    if (await isGood(given, what, place, context)) return given
  }
  if (existsSync(place.worker)) {
    const what = 'use the cached one'
    if (await isGood(place.worker, what, place, context)) return place.worker
  }
  if (setting(env, SKIP_DOWNLOAD) !== undefined) return undefined
  return attempt('use the official one', context, async () => {
    const worker = await downloadWorker(place, context)
    await checkNew(worker, place, context)
    return worker
  })
}

/**
 * Builds the worker, about eight minutes long. Debian's packages for that must
 * be there.
 *
 * @param {Place} place
 * @param {Context} context
 * @returns {Promise<string>} its path
 */
export async function makeWorker(place, context) {
  const worker = await buildWorker(place, context)
  try {
    await checkNew(worker, place, context)
    return worker
  } catch (cause) {
    context.signal?.throwIfAborted()
    throw new SetupError(
      `The mediasoup worker was built but does not work: ${reason(cause)}\n` +
        'Set MEDIASOUP_WORKER_BIN to the path of a mediasoup worker ' +
        `${place.version}, then run this again`,
      { cause },
    )
  }
}

/**
 * Like `check`; a worker that fails does not stay in the cache.
 *
 * @param {string} worker
 * @param {Place} place
 * @param {Context} context
 */
async function checkNew(worker, place, context) {
  try {
    await check(worker, place, context)
  } catch (error) {
    await rm(worker, { force: true })
    throw error
  }
}

/**
 * @param {string} worker
 * @param {string} what
 * @param {Place} place
 * @param {Context} context
 */
async function isGood(worker, what, place, context) {
  const good = await attempt(`${what}, ${worker}`, context, async () => {
    await check(worker, place, context)
    return true
  })
  return good ?? false
}

/**
 * Throws the reason where a worker is of no use.
 *
 * @param {string} worker
 * @param {Place} place
 * @param {Context} context
 */
async function check(worker, place, context) {
  const why = await whyNotRunnable(worker)
  if (why) throw new Error(why)
  await proveWorker(worker, place, context)
}

/**
 * Says why something failed, unless the user ended it.
 *
 * @template T
 * @param {string} what
 * @param {Context} context
 * @param {() => Promise<T>} work
 */
async function attempt(what, { report, signal }, work) {
  try {
    return await work()
  } catch (error) {
    signal?.throwIfAborted()
    report.say(`mediasoup worker: cannot ${what}: ${reason(error)}`)
    return undefined
  }
}

/**
 * The message, with that of the cause: fetch() hides the reason there.
 *
 * @param {unknown} error
 */
function reason(error) {
  if (!(error instanceof Error)) return String(error)
  const { message, cause } = error
  // Those of the set-up's steps carry it already.
  return cause instanceof Error && !message.includes(cause.message)
    ? `${message} (${cause.message})`
    : message
}
