/**
 * Folders in the cache in which a worker is made before it is moved to its
 * place.
 */

import { readFileSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The folder's name, with the owner's PID namespace, PID and start if known. */
const NAME = /^making-(?:(\d+)\.(\d+)\.(\d+)-)?/
/** Longer than any build takes. */
const STALE_MS = 24 * 60 * 60 * 1000

/**
 * Does the work in a new folder, which is removed afterwards. The folder is on
 * the cache's file system, so that a rename moves the result to its place.
 *
 * @template T
 * @param {string} cache
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function inWorkshop(cache, work) {
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, `making-${owner()}`))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Removes the folders of set-ups that were killed. A folder that cannot be
 * removed yet, because a program is still using it, is left for the next time.
 *
 * @param {string} cache
 */
export async function sweepWorkshops(cache) {
  // Without a cache there is nothing to sweep.
  for (const name of await readdir(cache).catch(() => [])) {
    const match = NAME.exec(name)
    if (match === null) continue
    const [, namespace, pid = '', startedAt] = match
    const folder = join(cache, name)
    try {
      const { mtimeMs } = await stat(folder)
      const isOld = Date.now() - mtimeMs > STALE_MS
      const isOrphan =
        namespace !== undefined &&
        namespace === pidNamespace() &&
        startedAt !== startOf(pid)
      if (isOld || isOrphan) await rm(folder, { recursive: true, force: true })
    } catch {
      // Another set-up has removed it, or it is in use: see above.
    }
  }
}

/** This process as part of a folder's name; empty where there is no /proc. */
function owner() {
  const namespace = pidNamespace()
  const startedAt = startOf('self')
  if (namespace === undefined || startedAt === undefined) return ''
  return `${namespace}.${process.pid}.${startedAt}-`
}

/** Containers share the cache, but each has its own process ids. */
function pidNamespace() {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]
  } catch {
    return undefined
  }
}

/**
 * When a process started, in ticks since boot: process ids are reused.
 *
 * @param {string} pid
 */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may contain anything. Field 22 is the 20th after.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
