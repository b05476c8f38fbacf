import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { identify, isAlive, parseIdentity } from '../ffmpeg/identity.ts'
import { StoreError } from './db-file.ts'

/** A lock on a folder against other media processes of this machine. */
export interface DirLock {
  release(): Promise<void>
}

/**
 * Locks `dir` for the process `pid`. Takes over the lock of a process that no
 * longer runs. Does not see processes of other containers.
 * @throws {StoreError} if a running process has it
 */
export async function lockDir(dir: string, pid: number): Promise<DirLock> {
  const path = join(dir, 'db.lock')
  const own = identify(pid)
  // Linked, so that the lock never appears without its content.
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
        `Cannot use CORE_DB_DIR: expected a folder that is not in use, ` +
          `got ${dir}, which process ${holder.pid} uses`,
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
