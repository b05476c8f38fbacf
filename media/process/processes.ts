/**
 * media/process is the process list and its API, compatible with datarhei Core.
 * Owns: the configurations, db.json, the runners of the processes.
 * Gets: streams from a StreamRegistry, FFmpeg from ffmpeg/, rules from ingest/.
 * Gives: /api/v3/process to web/.
 */
import { isDeepStrictEqual } from 'node:util'

import { parseStreamId } from '../../shared/protocol/ids.ts'
import { unixSeconds } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { parseProcessConfig, type ConfigRules } from './config.ts'
import { isJsonObject } from '../../shared/protocol/fields.ts'
import { exported, EXPORT_VERSION, type ExportDocument } from './export.ts'
import { importError, readImport, type ImportDocument } from './import.ts'
import {
  planImport,
  type ImportPlan,
  type ImportResult,
} from './import-plan.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { mergeJson } from './merge.ts'
import type { ProcessConfig } from './process-config.ts'
import { ProcessError } from './process-error.ts'
import type { Runner } from './runner.ts'
import type { Order, ProcessStore, StoredProcess } from './store.ts'
import { changedRecord, newRecord } from './stored-record.ts'
import { fromStoredConfig } from './stored-config.ts'
import type { StreamPort, StreamRegistry } from './stream-port.ts'

export type ProcessCommand = 'start' | 'stop' | 'restart' | 'reload'

/** A process, for the API. */
export interface Process {
  readonly stored: StoredProcess
  readonly config: ProcessConfig
  readonly runner: Runner
  /** undefined: none is stored. */
  readonly metadata: unknown
}

export interface ProcessesOptions {
  readonly store: ProcessStore
  readonly rules: ConfigRules
  readonly streams: StreamRegistry
  readonly createRunner: (
    config: ProcessConfig,
    port: StreamPort | undefined,
  ) => Runner
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Maximum number of processes. */
export const MAX_PROCESSES = 1_000

/** Shorter than when an operator stops a process: we are shutting down. */
const CLOSE_KILL_TIMEOUT_MS = 2_000

interface ManagedProcess {
  readonly stored: StoredProcess
  readonly config: ProcessConfig
  /** undefined: the process feeds no stream. */
  readonly port: StreamPort | undefined
  readonly runner: Runner
}

/**
 * The process list: which processes should run, persisted in the store, and
 * the runners of those that do. Operations on one process are serialised.
 */
export class Processes {
  readonly #options: ProcessesOptions
  readonly #entries = new Map<string, ManagedProcess>()
  readonly #queue = new KeyedQueue()
  /** Processes being added; they count towards the limit. */
  #adding = 0
  #closed = false

  constructor(options: ProcessesOptions) {
    this.#options = options
  }

  /**
   * Loads the stored processes, then adds those of `initial` whose ids are not
   * stored, and starts the ones that should run. A stored process that cannot
   * be used is logged and stays in the store unchanged.
   */
  async start(initial: readonly ProcessConfig[]): Promise<void> {
    for (const stored of this.#options.store.list()) this.#restore(stored)
    for (const config of initial) {
      if (this.#options.store.has(config.id)) continue
      await this.#create(config)
      this.#options.log.info('process added from file', { process: config.id })
    }
    for (const { stored, runner } of this.#entries.values()) {
      if (stored.order === 'start') runner.start()
    }
  }

  /** All processes, in the order they were added. */
  list(): readonly Process[] {
    return [...this.#entries.values()].map(entry => this.#show(entry))
  }

  /** @throws {ProcessError} `unknown-process` */
  get(id: string): Process {
    return this.#show(this.#find(id))
  }

  /**
   * Adds a process and starts it unless `autostart` is false.
   * @throws {ProcessError} `bad-config`, `process-exists` or `too-many`
   */
  async add(raw: unknown): Promise<ProcessConfig> {
    const { newId } = this.#options.rules
    const config = this.#parse(mergeJson({ id: newId() }, raw ?? {}))
    return await this.#change([config.id], async () => {
      this.#rejectTaken(config.id)
      const entry = await this.#create(config)
      if (entry.stored.order === 'start') entry.runner.start()
      return config
    })
  }

  /**
   * Changes the fields in `patch`, possibly the id. Restarts a running process
   * if its configuration changed. The stream and its viewers are kept if the id
   * and `webrtc` are the same.
   * @throws {ProcessError} `unknown-process`, `bad-config`, `process-exists`
   */
  async update(id: string, patch: unknown): Promise<ProcessConfig> {
    return await this.#update(id, patch, ({ config }) => config)
  }

  /**
   * As `update`, but keys that `config` lacks get their defaults.
   * @throws {ProcessError} `unknown-process`, `bad-config`, `process-exists`
   */
  async replace(id: string, config: unknown): Promise<ProcessConfig> {
    return await this.#update(id, config, () => ({ id }))
  }

  async #update(
    id: string,
    patch: unknown,
    baseOf: (entry: ManagedProcess) => unknown,
  ): Promise<ProcessConfig> {
    const newId = isJsonObject(patch) ? patch['id'] : undefined
    const keys = typeof newId === 'string' ? [id, newId] : [id]
    return await this.#change(keys, async () => {
      const entry = this.#find(id)
      const config = this.#parse(mergeJson(baseOf(entry), patch))
      if (config.id !== id) this.#rejectTaken(config.id)
      if (!isDeepStrictEqual(config, entry.config)) {
        await this.#replace(entry, config)
      }
      return config
    })
  }

  /**
   * Stops a process and deletes it, even one that cannot be used.
   * @throws {ProcessError} `unknown-process`
   */
  async remove(id: string): Promise<void> {
    await this.#change([id], async () => {
      const { store } = this.#options
      if (!store.has(id)) throw unknownProcess(id)
      await store.remove(id)
      const entry = this.#entries.get(id)
      this.#entries.delete(id)
      await entry?.runner.stop()
      await entry?.port?.remove()
    })
  }

  /** @throws {ProcessError} `unknown-process` */
  async command(id: string, command: ProcessCommand): Promise<void> {
    await this.#change([id], async () => {
      const entry = this.#find(id)
      const { stored, runner, port } = entry
      switch (command) {
        case 'start':
          await this.#setOrder(entry, 'start')
          runner.start()
          return
        case 'stop':
          await this.#setOrder(entry, 'stop')
          await runner.stop()
          await port?.stop()
          return
        case 'restart':
        case 'reload':
          // The configuration in use is always the stored one, so a reload has
          // nothing to read.
          if (stored.order === 'stop') return
          runner.restart(`${command} command`)
          // In case it had ended, because reconnect is off.
          runner.start()
          return
        default:
          command satisfies never
      }
    })
  }

  /** All processes with their passwords, for `import`. */
  export(): ExportDocument {
    const entries = [...this.#entries.values()]
    return {
      version: EXPORT_VERSION,
      processes: entries.map(exported),
      omitted: this.#options.store
        .list()
        .map(({ id }) => id)
        .filter(id => !this.#entries.has(id)),
    }
  }

  /**
   * What `import` would do, processes that it would reject included.
   * @throws {ProcessError} `bad-config` if it is no document of `export`,
   *   `too-many`
   */
  previewImport(raw: unknown): ImportResult {
    return this.#planImport(this.#readImport(raw)).result
  }

  /**
   * Adds the processes of a document and replaces those whose ids exist: all of
   * them, or none. Processes that the document lacks stay; unchanged ones run
   * on.
   * @throws {ProcessError} `bad-config`, `too-many`
   */
  async import(raw: unknown): Promise<ImportResult> {
    const document = this.#readImport(raw)
    if (document.invalid.length > 0) throw importError(document.invalid)
    const ids = document.entries.map(({ config }) => config.id)
    return await this.#change(ids, async () => {
      const { changed, result } = this.#planImport(document)
      const added = result.create.length
      this.#adding += added
      try {
        await this.#options.store.putAll(changed.map(({ stored }) => stored))
      } finally {
        this.#adding -= added
      }
      // First all, since one may get a port that another gives up.
      const ports = await Promise.all(
        changed.map(({ stored, config }) => this.#vacate(stored, config)),
      )
      for (const [at, { stored, config }] of changed.entries()) {
        this.#occupy(stored, config, ports[at])
      }
      return result
    })
  }

  #readImport(raw: unknown): ImportDocument {
    return readImport(raw, this.#options.rules, MAX_PROCESSES)
  }

  #planImport(document: ImportDocument): ImportPlan {
    const plan = planImport({
      document,
      // One that cannot be used is in the store only.
      find: id => {
        const stored = this.#options.store.get(id)
        return this.#entries.get(id) ?? (stored && { stored })
      },
      nowS: this.#unixSeconds(),
    })
    this.#rejectTooMany(plan.result.create.length)
    return plan
  }

  /** Stops all processes. They stay in the store as started. */
  async close(): Promise<void> {
    this.#closed = true
    const stops = this.#stopAll()
    await this.#queue.idle()
    // Also those that an operation has started meanwhile.
    await Promise.all([stops, this.#stopAll()])
    await this.#options.store.close()
  }

  async #stopAll(): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async ({ runner, port }) => {
        await runner.stop(CLOSE_KILL_TIMEOUT_MS)
        await port?.stop()
      }),
    )
  }

  async #change<Result>(
    ids: readonly string[],
    work: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#closed) {
      throw new ProcessError(
        'closed',
        'Cannot change processes while shutting down',
      )
    }
    return await this.#queue.run(ids, work)
  }

  #parse(raw: unknown): ProcessConfig {
    return parseProcessConfig(raw, this.#options.rules)
  }

  #find(id: string): ManagedProcess {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw unknownProcess(id)
    return entry
  }

  #rejectTaken(id: string): void {
    if (!this.#options.store.has(id)) return
    throw new ProcessError(
      'process-exists',
      `A process with the id ${JSON.stringify(id)} already exists`,
      [{ field: 'id', message: 'this id is taken' }],
    )
  }

  #show({ stored, config, runner }: ManagedProcess): Process {
    const metadata = this.#options.store.metadata(stored.id)
    return { stored, config, runner, metadata }
  }

  #restore(stored: StoredProcess): void {
    try {
      const config = this.#parse(fromStoredConfig(stored.config))
      if (config.id !== stored.id) {
        throw new RangeError('Its id differs from that of its configuration')
      }
      this.#entries.set(stored.id, this.#open(stored, config))
    } catch (error) {
      this.#options.log.error(
        'cannot use a stored process; it stays in the store',
        {
          process: stored.id,
          error,
        },
      )
    }
  }

  /** Registers the stream of a process and creates its runner. */
  #open(
    stored: StoredProcess,
    config: ProcessConfig,
    formerPort?: StreamPort,
  ): ManagedProcess {
    const { streams, createRunner } = this.#options
    const { id, webrtc } = config
    const port =
      formerPort ??
      (webrtc.enabled ? streams.add(parseStreamId(id), webrtc) : undefined)
    return { stored, config, port, runner: createRunner(config, port) }
  }

  async #create(config: ProcessConfig): Promise<ManagedProcess> {
    const { store } = this.#options
    this.#rejectTooMany(1)
    const stored = newRecord(config, this.#unixSeconds())
    const entry = this.#open(stored, config)
    this.#adding++
    try {
      await store.put(stored)
    } catch (error) {
      await entry.port?.remove()
      throw error
    } finally {
      this.#adding--
    }
    this.#entries.set(config.id, entry)
    return entry
  }

  #rejectTooMany(added: number): void {
    if (this.#options.store.size + this.#adding + added <= MAX_PROCESSES) return
    throw new ProcessError(
      'too-many',
      `Cannot add process: the limit is ${MAX_PROCESSES} processes`,
    )
  }

  async #replace(former: ManagedProcess, config: ProcessConfig): Promise<void> {
    const { store } = this.#options
    const formerId = former.config.id
    const stored = changedRecord(former.stored, config, this.#unixSeconds())
    // Persist first: if it fails, nothing has changed.
    await store.put(stored, formerId)
    const port = await this.#vacate(stored, config, formerId)
    if (config.id !== formerId) this.#entries.delete(formerId)
    this.#occupy(stored, config, port)
  }

  /**
   * Stops the process that a stored one replaces, if any.
   * @returns its stream, unless that is removed too
   */
  async #vacate(
    { order }: StoredProcess,
    config: ProcessConfig,
    formerId = config.id,
  ): Promise<StreamPort | undefined> {
    const former = this.#entries.get(formerId)
    if (former === undefined) return undefined
    const { runner, port } = former
    await runner.stop()
    const keepsStream =
      config.id === formerId &&
      isDeepStrictEqual(config.webrtc, former.config.webrtc)
    if (!keepsStream) {
      await port?.remove()
      return undefined
    }
    if (order === 'stop') await port?.stop()
    return port
  }

  #occupy(
    stored: StoredProcess,
    config: ProcessConfig,
    port: StreamPort | undefined,
  ): void {
    const entry = this.#open(stored, config, port)
    this.#entries.set(config.id, entry)
    if (stored.order === 'start') entry.runner.start()
  }

  async #setOrder(entry: ManagedProcess, order: Order): Promise<void> {
    if (entry.stored.order === order) return
    const stored = { ...entry.stored, order }
    await this.#options.store.put(stored)
    this.#entries.set(stored.id, { ...entry, stored })
  }

  #unixSeconds(): number {
    return unixSeconds(this.#options.now())
  }
}

function unknownProcess(id: string): ProcessError {
  const shown = JSON.stringify(id.slice(0, 256))
  return new ProcessError('unknown-process', `No process has the id ${shown}`)
}
