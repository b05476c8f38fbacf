/** Which mediasoup worker is needed, and where it is kept. */

import { readFile } from 'node:fs/promises'
import { arch, platform, release } from 'node:os'
import { join } from 'node:path'
import { cacheFolder, MEDIASOUP, setting } from '../setup/checkout.mjs'

/**
 * @typedef {object} Place
 * @property {string} version of mediasoup
 * @property {string} sources the folder of the mediasoup package
 * @property {string} cache the folder of the cache
 * @property {string} worker the worker's path in the cache
 * @property {string} prebuilt the URL of the official prebuilt worker
 */

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [sources]
 * @returns {Promise<Place>}
 */
export async function findPlace(env, sources = MEDIASOUP) {
  const file = join(sources, 'package.json')
  /** @type {unknown} */
  const content = JSON.parse(await readFile(file, 'utf8'))
  const { version, repository } =
    /** @type {{ version: string, repository: { url: string } }} */ (content)
  const name = `mediasoup-worker-${version}-${platform()}-${arch()}`
  const cache = cacheFolder(env)
  // The names are those of mediasoup's npm-scripts.mjs.
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
