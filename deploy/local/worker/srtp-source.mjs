/**
 * The source of Debian's libsrtp, so that the worker gets a build on OpenSSL
 * like the official worker. Debian builds its package on NSS, which takes a
 * sixth of the worker's CPU.
 */

import {
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'

const SOURCES = '/etc/apt'
const PACKAGE = 'libsrtp2'
const ORIGINAL = /^libsrtp2_.*\.orig\.tar\.[a-z0-9]+$/

/**
 * Fetches the source through apt, which checks its signatures, and unpacks it
 * as a Meson subproject. Needs neither root nor deb-src entries: apt gets
 * lists of its own in `folder`.
 *
 * @param {string} folder with the worker's sources
 * @param {import('../setup/step.mjs').Step} step
 * @returns {Promise<boolean>} false: it is unavailable, so the package of
 *   the system is used
 */
export async function unpackSrtp(folder, { run, progress }) {
  progress(`fetching the source of ${PACKAGE}`)
  const apt = join(folder, 'apt')
  try {
    await writeSourceLists(apt)
    const options = [
      `Dir::Etc::SourceList=${join(apt, 'none.list')}`,
      `Dir::Etc::SourceParts=${join(apt, 'parts')}`,
      `Dir::State::Lists=${join(apt, 'lists')}`,
      `Dir::Cache=${join(apt, 'cache')}`,
      // As root, apt downloads as the user _apt, which cannot use the folder.
      'APT::Sandbox::User=root',
      'Acquire::Retries=2',
      'Acquire::http::Timeout=30',
    ].flatMap(option => ['-o', option])
    // A list that cannot be fetched may not be needed.
    await run('apt-get', ['-q', ...options, 'update'])
    const words = ['source', '--download-only', PACKAGE]
    const fetched = await run('apt-get', ['-q', ...options, ...words], {
      cwd: apt,
    })
    if (fetched.code !== 0) return false
    const archive = (await readdir(apt)).find(name => ORIGINAL.test(name))
    if (archive === undefined) return false
    const unpacked = join(apt, 'unpacked')
    await mkdir(unpacked)
    const tar = ['-xf', join(apt, archive), '-C', unpacked]
    if ((await run('tar', tar)).code !== 0) return false
    const [name = ''] = await readdir(unpacked)
    await place(join(unpacked, name), join(folder, 'subprojects'))
    return true
  } catch (error) {
    // A system without apt, or with lists of another format.
    await run('echo', [error instanceof Error ? error.message : String(error)])
    return false
  }
}

/**
 * Copies the system's package lists, as lists of sources.
 *
 * @param {string} apt
 */
async function writeSourceLists(apt) {
  await mkdir(join(apt, 'parts'), { recursive: true })
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true })
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true })
  await writeFile(join(apt, 'none.list'), '')
  const parts = join(SOURCES, 'sources.list.d')
  const names = (await readdir(parts)).map(name => join(parts, name))
  for (const path of [join(SOURCES, 'sources.list'), ...names]) {
    const text = await readFile(path, 'utf8').catch(() => '')
    const to = join(apt, 'parts', basename(path))
    if (path.endsWith('.sources')) {
      await writeFile(to, text.replace(/^Types:.*$/gm, 'Types: deb-src'))
    } else if (path.endsWith('.list')) {
      await writeFile(to, text.replace(/^\s*deb(?=[ \t])/gm, 'deb-src'))
    }
  }
}

/**
 * Makes it the subproject `libsrtp2`, and gives its headers to the stand-in
 * under the names that an installed one has.
 *
 * @param {string} source
 * @param {string} subprojects
 */
async function place(source, subprojects) {
  const headers = join(subprojects, 'libsrtp3', 'libsrtp2', 'srtp2')
  await mkdir(headers, { recursive: true })
  for (const folder of ['include', join('crypto', 'include')]) {
    for (const name of await readdir(join(source, folder))) {
      if (!name.endsWith('.h')) continue
      await cp(join(source, folder, name), join(headers, name))
    }
  }
  await rename(source, join(subprojects, 'libsrtp2'))
}
