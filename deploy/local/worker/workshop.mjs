/** Folders in the cache in which a worker is made before it is moved there. */

import { readFileSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Such a folder's name: whose it is, if /proc tells that, and something new. */
const NAME = /^making-(?:(\d+)\.(\d+)\.(\d+)-)?/
/** Nothing takes so long, whoever it is that makes it. */
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
  const folder = await mkdtemp(join(cache, `making-${owner()}`))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Removes what set-ups left that were killed. What cannot be removed, since
 * something of theirs is still ending, is left to the next time.
 *
 * @param {string} cache
 */
export async function sweepWorkshops(cache) {
  for (const name of await namesIn(cache)) {
    const match = NAME.exec(name)
    if (match === null) continue
    const [, space, pid, startedAt] = match
    const folder = join(cache, name)
    try {
      const { mtimeMs } = await stat(folder)
      const isOld = Date.now() - mtimeMs > STALE_MS
      const isOrphan =
        space !== undefined &&
        space === pidSpace() &&
        startedAt !== startOf(pid ?? '')
      if (isOld || isOrphan) await rm(folder, { recursive: true, force: true })
    } catch {
      // Another set-up was faster, or see above.
    }
  }
}

/** @param {string} cache */
async function namesIn(cache) {
  try {
    return await readdir(cache)
  } catch {
    // There is none yet.
    return []
  }
}

/** This process as part of a folder's name; empty where there is no /proc. */
function owner() {
  const space = pidSpace()
  const startedAt = startOf('self')
  if (space === undefined || startedAt === undefined) return ''
  return `${space}.${process.pid}.${startedAt}-`
}

/** The namespace that this machine's or container's process ids are of. */
function pidSpace() {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]
  } catch {
    return undefined
  }
}

/**
 * When a process started, in ticks since the machine did; ids are used again.
 *
 * @param {string} pid
 */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything. Field 22 is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
