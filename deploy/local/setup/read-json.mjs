import { readFile } from 'node:fs/promises'

/**
 * @param {string} path
 * @returns {Promise<unknown>} what the caller knows better
 */
export async function readJson(path) {
  /** @type {unknown} */
  const content = JSON.parse(await readFile(path, 'utf8'))
  return content
}
