/** Files that are complete or absent, even after a power cut. */

import { open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Moves a complete file to its place.
 *
 * @param {string} from on the same file system
 * @param {string} to
 */
export async function keepFile(from, to) {
  await sync(from)
  await rename(from, to)
  await sync(dirname(to))
}

/**
 * Writes a small file.
 *
 * @param {string} path
 * @param {string} text
 */
export async function keepText(path, text) {
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    await writeFile(unfinished, text)
    await keepFile(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/**
 * @param {string} path of a file or a folder
 */
async function sync(path) {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
