/** Which mediasoup worker is wanted, and where workers are kept. */

import { arch, platform, release } from 'node:os'
import { join } from 'node:path'
import { cacheFolder, MEDIASOUP, setting } from '../setup/checkout.mjs'
import { readJson } from '../setup/read-json.mjs'

/**
 * @typedef {object} Place
 * @property {string} version of mediasoup
 * @property {string} sources the folder of the mediasoup package
 * @property {string} cache the folder of the cache
 * @property {string} worker the worker's path in the cache
 * @property {string} prebuilt the address of the official prebuilt worker
 */

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [sources]
 * @returns {Promise<Place>}
 */
export async function findPlace(env, sources = MEDIASOUP) {
  const { version, repository } =
    /** @type {{ version: string, repository: { url: string } }} */ (
      await readJson(join(sources, 'package.json'))
    )
  const name = `mediasoup-worker-${version}-${platform()}-${arch()}`
  const cache = cacheFolder(env)
  // These are the names that mediasoup's own npm-scripts.mjs makes.
  const kernel = platform() === 'linux' ? `-kernel${parseInt(release())}` : ''
  const base =
    setting(env, 'MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL') ??
    repository.url.replace(/^git\+/, '').replace(/\.git$/, '') +
      '/releases/download'
  return {
    version,
    sources,
    cache,
    worker: join(cache, name),
    prebuilt: `${base}/${version}/${name}${kernel}.tgz`,
  }
}
