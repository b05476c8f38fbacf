import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { identify, isAlive, parseIdentity } from '../ffmpeg/identity.ts'
import { StoreError } from './db-file.ts'

/** A folder that no other media process of this machine may use. */
export interface DirLock {
  release(): Promise<void>
}

/**
 * Takes `dir` for the process `pid`. What a process that is gone has left is
 * taken over. Does not see processes of another container.
 * @throws {StoreError} when a living process has it
 */
export async function lockDir(dir: string, pid: number): Promise<DirLock> {
  const path = join(dir, 'db.lock')
  const own = identify(pid)
  // Linked, as then the lock is never seen without its content.
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, JSON.stringify(own ?? { pid }))
  try {
    await takeOver(path)
    await link(draft, path)
  } catch (cause) {
    if (cause instanceof StoreError) throw cause
    throw new StoreError(`Cannot lock ${dir}`, { cause })
  } finally {
    await rm(draft, { force: true })
  }
  return { release: () => rm(path, { force: true }) }

  async function takeOver(path: string): Promise<void> {
    const holder = parseIdentity(await readJson(path))
    const isOther = holder !== undefined && holder.pid !== pid
    if (isOther && isAlive(holder)) {
      throw new StoreError(
        `Cannot use CORE_DB_DIR: expected a folder of our own, got ${dir}, ` +
          `which the process ${holder.pid} uses`,
      )
    }
    await rm(path, { force: true })
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}
