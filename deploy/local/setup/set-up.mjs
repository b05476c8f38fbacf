/**
 * The set-up: everything that the two commands need and a fresh clone on a
 * fresh machine lacks. What is there already is not done again.
 */

import { delimiter } from 'node:path'
import { findWorker, makeWorker } from '../worker/obtain.mjs'
import { findPlace } from '../worker/place.mjs'
import { BIN, setting } from './checkout.mjs'
import { installPackages } from './debian.mjs'
import { installModules } from './modules.mjs'
import { TO_BUILD_WORKER, TO_RUN, TO_TEST } from './packages.mjs'

/**
 * @param {'run' | 'test'} purpose
 * @param {import('./context.mjs').Context} context
 * @returns {Promise<NodeJS.ProcessEnv>} the environment to run in
 */
export async function setUp(purpose, context) {
  await installModules(context)
  const place = await findPlace(context.env)
  const found = await findWorker(place, context)
  // One call of apt-get, one password at most: so all packages together.
  await installPackages(
    [
      ...(purpose === 'test' ? TO_TEST : toRun(context.env)),
      ...(found === undefined ? TO_BUILD_WORKER : []),
    ],
    context,
  )
  return {
    ...context.env,
    PATH: [BIN, context.env['PATH']].join(delimiter),
    MEDIASOUP_WORKER_BIN: found ?? (await makeWorker(place, context)),
  }
}

/**
 * Whoever names an FFmpeg needs no other.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function toRun(env) {
  const own = setting(env, 'CORE_FFMPEG_BINARY')
  return TO_RUN.filter(({ name }) => name !== 'ffmpeg' || own === undefined)
}
