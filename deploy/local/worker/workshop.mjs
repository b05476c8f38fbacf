/** Folders in the cache in which a worker is made before it is moved there. */

import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const PREFIX = 'making-'
/** Nothing takes so long; one that is older was left by a killed set-up. */
const STALE_MS = 24 * 60 * 60 * 1000

/**
 * Does the work in a new folder, which is removed afterwards. The folder is on
 * the cache's file system, so that a rename moves the result into the cache.
 *
 * @template T
 * @param {string} cache
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function inWorkshop(cache, work) {
  await mkdir(cache, { recursive: true })
  await sweep(cache)
  const folder = await mkdtemp(join(cache, PREFIX))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** @param {string} cache */
async function sweep(cache) {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(PREFIX)) continue
    const folder = join(cache, name)
    const { mtimeMs } = await stat(folder)
    if (Date.now() - mtimeMs < STALE_MS) continue
    await rm(folder, { recursive: true, force: true })
  }
}
