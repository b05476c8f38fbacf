import { join } from 'node:path'

import { writeAtomically } from '../../shared/runtime/files.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { DB_VERSION, proveWritable, readDatabase } from './db-file.ts'
import { lockDir, type DirLock } from './dir-lock.ts'
import { isJsonObject, type JsonObject } from '../../shared/protocol/fields.ts'

/** Whether a process should run: `process.order`. */
export type Order = 'start' | 'stop'

/** A process in db.json; `config` is not parsed yet. */
export interface StoredProcess {
  readonly id: string
  readonly reference: string
  readonly config: unknown
  /** Unix seconds. */
  readonly created_at: number
  readonly updated_at: number
  readonly order: Order
}

export interface StoreOptions {
  /** CORE_DB_DIR. */
  readonly dir: string
  readonly log: Log
  readonly now: Date
  /** Of this process, for the lock. */
  readonly pid: number
}

const EMPTY: JsonObject = {
  version: DB_VERSION,
  process: {},
  metadata: { system: {}, process: {} },
}

/**
 * The process list in `db.json`, in upstream's format. A change is on disk once
 * its promise resolves; if it rejects, nothing has changed. Unknown fields stay
 * in the file.
 */
export class ProcessStore {
  readonly #path: string
  readonly #lock: DirLock
  #document: JsonObject
  #lastWrite: Promise<unknown> = Promise.resolve()

  private constructor(path: string, lock: DirLock, document: JsonObject) {
    this.#path = path
    this.#lock = lock
    this.#document = document
  }

  /**
   * Opens `dir`/db.json and creates both if they are missing. A corrupt file is
   * renamed, which is logged.
   * @throws {StoreError} if the folder or the file cannot be used
   */
  static async open({ dir, log, now, pid }: StoreOptions) {
    const path = join(dir, 'db.json')
    await proveWritable(dir)
    const lock = await lockDir(dir, pid)
    try {
      const document = await readDatabase(path, log, now)
      return new ProcessStore(path, lock, { ...EMPTY, ...document })
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** All stored processes. */
  list(): readonly StoredProcess[] {
    const records = this.#records()
    return Object.entries(records).map(([id, raw]) => readRecord(id, raw))
  }

  get(id: string): StoredProcess | undefined {
    return this.has(id) ? readRecord(id, own(this.#records(), id)) : undefined
  }

  has(id: string): boolean {
    return Object.hasOwn(this.#records(), id)
  }

  /** The number of stored processes, including unusable ones. */
  get size(): number {
    return Object.keys(this.#records()).length
  }

  /** The stored metadata of a process. */
  metadata(id: string): unknown {
    const all = this.#metadata()['process']
    return isJsonObject(all) ? own(all, id) : undefined
  }

  /** Adds or replaces a process; `formerId` is its previous id. */
  async put(process: StoredProcess, formerId = process.id): Promise<void> {
    await this.#change(() => {
      const records = this.#records()
      const former = own(records, formerId)
      const kept = isJsonObject(former) ? former : {}
      const entry = [process.id, { ...kept, ...process }] as const
      // In its old place, so that the order of the list does not change.
      const entries = Object.entries(records).map(([id, record]) =>
        id === formerId ? entry : ([id, record] as const),
      )
      if (former === undefined) entries.push(entry)
      return {
        process: Object.fromEntries(entries),
        metadata: this.#movedMetadata(formerId, process.id),
      }
    })
  }

  /** Adds or replaces processes: all of them or, if it fails, none. */
  async putAll(processes: readonly StoredProcess[]): Promise<void> {
    await this.#change(() => {
      const records = new Map(Object.entries(this.#records()))
      for (const process of processes) {
        const former = records.get(process.id)
        const kept = isJsonObject(former) ? former : {}
        records.set(process.id, { ...kept, ...process })
      }
      return { process: Object.fromEntries(records) }
    })
  }

  async remove(id: string): Promise<void> {
    await this.#change(() => ({
      process: without(this.#records(), id),
      metadata: this.#movedMetadata(id, undefined),
    }))
  }

  /** Waits for changes in progress, then releases the folder. */
  async close(): Promise<void> {
    await this.#lastWrite
    await this.#lock.release()
  }

  #records(): JsonObject {
    const records = this.#document['process']
    return isJsonObject(records) ? records : {}
  }

  #metadata(): JsonObject {
    const metadata = this.#document['metadata']
    return isJsonObject(metadata) ? metadata : {}
  }

  #movedMetadata(from: string, to: string | undefined): JsonObject {
    const all = this.#metadata()['process']
    if (from === to || !isJsonObject(all)) return this.#metadata()
    if (!Object.hasOwn(all, from)) return this.#metadata()
    const others = without(all, from)
    const moved = to === undefined ? others : { ...others, [to]: all[from] }
    return { ...this.#metadata(), process: moved }
  }

  /** Applies changes one after another; a failed one changes nothing. */
  async #change(change: () => JsonObject): Promise<void> {
    const write = this.#lastWrite.then(async () => {
      const next = { ...this.#document, ...change() }
      const text = `${JSON.stringify(next, null, 2)}\n`
      await writeAtomically(this.#path, [text])
      this.#document = next
    })
    this.#lastWrite = write.catch(() => undefined)
    await write
  }
}

/** Clients choose ids, and `__proto__` is a valid one. */
function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function without(object: JsonObject, key: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([k]) => k !== key))
}

function readRecord(id: string, raw: unknown): StoredProcess {
  const record = isJsonObject(raw) ? raw : {}
  const text = (key: string) => {
    const value = record[key]
    return typeof value === 'string' ? value : ''
  }
  const seconds = (key: string) => {
    const value = record[key]
    return typeof value === 'number' ? value : 0
  }
  return {
    id,
    reference: text('reference'),
    config: record['config'],
    created_at: seconds('created_at'),
    updated_at: seconds('updated_at') || seconds('created_at'),
    order: text('order') === 'start' ? 'start' : 'stop',
  }
}
