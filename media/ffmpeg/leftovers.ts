import { readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

import { identify, isAlive, type ProcessIdentity } from './identity.ts'
import { readEnvironment } from './proc.ts'

/** A run that a media process wrote down and did not strike out. */
export interface Leftover {
  /** The id that its processes carry in their environment. */
  readonly run: string
  readonly owner?: ProcessIdentity
  readonly child?: ProcessIdentity
}

/** SIGTERM lets FFmpeg close its files; SIGKILL comes after so long. */
const TERM_GRACE_MS = 2_000
const KILL_GRACE_MS = 2_000
const POLL_MS = 20

/**
 * Ends what still runs of `leftovers` whose owner is gone.
 * @returns the pids that were ended, and the runs of which nothing is left
 */
export async function endLeftovers(
  leftovers: readonly Leftover[],
  variable: string,
): Promise<{ ended: readonly number[]; gone: readonly Leftover[] }> {
  const orphaned: Leftover[] = []
  for (const leftover of leftovers) {
    const { owner } = leftover
    if (owner === undefined || !isAlive(owner)) orphaned.push(leftover)
  }
  if (orphaned.length === 0) return { ended: [], gone: [] }
  const marked = await findMarked(variable, new Set(orphaned.map(l => l.run)))
  const results = await Promise.all(
    orphaned.map(async leftover => {
      const children = new Map<number, ProcessIdentity>()
      for (const one of marked.get(leftover.run) ?? []) {
        children.set(one.pid, one)
      }
      const { child } = leftover
      if (child !== undefined && isAlive(child)) {
        children.set(child.pid, child)
      }
      const ends = await Promise.all([...children.values()].map(end))
      return {
        leftover,
        pids: [...children.keys()],
        gone: !ends.includes(false),
      }
    }),
  )
  return {
    ended: results.flatMap(({ gone, pids }) => (gone ? pids : [])),
    gone: results.flatMap(({ gone, leftover }) => (gone ? [leftover] : [])),
  }
}

/** The living processes that carry one of `runs` in their environment. */
async function findMarked(
  variable: string,
  runs: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly ProcessIdentity[]>> {
  const found = new Map<string, ProcessIdentity[]>()
  const prefix = `${variable}=`
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    const environment = await readEnvironment(Number(name))
    const run = environment
      ?.find(entry => entry.startsWith(prefix))
      ?.slice(prefix.length)
    if (run === undefined || !runs.has(run)) continue
    const identity = identify(Number(name))
    if (identity) found.set(run, [...(found.get(run) ?? []), identity])
  }
  return found
}

/** Ends one process; false where even SIGKILL did not. */
async function end(process: ProcessIdentity): Promise<boolean> {
  signal(process, 'SIGTERM')
  if (await goneWithin(process, TERM_GRACE_MS)) return true
  signal(process, 'SIGKILL')
  return await goneWithin(process, KILL_GRACE_MS)
}

function signal(target: ProcessIdentity, name: NodeJS.Signals) {
  // Looked at once more right before: a reused pid must not be hit.
  if (!isAlive(target)) return
  try {
    process.kill(target.pid, name)
  } catch {
    // Gone meanwhile.
  }
}

async function goneWithin(process: ProcessIdentity, ms: number) {
  for (let waited = 0; waited < ms; waited += POLL_MS) {
    if (!isAlive(process)) return true
    await wait(POLL_MS)
  }
  return !isAlive(process)
}
