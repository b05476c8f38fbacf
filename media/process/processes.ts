import { isDeepStrictEqual } from 'node:util'

import { parseStreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { parseProcessConfig, type ConfigRules } from './config.ts'
import { isJsonObject } from '../../shared/protocol/fields.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { mergeJson } from './merge.ts'
import type { ProcessConfig } from './process-config.ts'
import { ProcessError } from './process-error.ts'
import type { Runner } from './runner.ts'
import type { Order, ProcessStore, StoredProcess } from './store.ts'
import { fromStoredConfig, toStoredConfig } from './stored-config.ts'
import type { StreamPort, StreamRegistry } from './stream-port.ts'

export type ProcessCommand = 'start' | 'stop' | 'restart' | 'reload'

/** A process, as the API shows it. */
export interface Process {
  readonly stored: StoredProcess
  readonly config: ProcessConfig
  readonly runner: Runner
  /** undefined: nothing was stored. */
  readonly metadata: unknown
}

export interface ProcessesParts {
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

/** Most processes; one more is refused. */
export const MAX_PROCESSES = 1_000

/** At our own end, FFmpeg has less time than when an operator stops it. */
const CLOSE_KILL_AFTER_MS = 2_000

interface Entry {
  readonly stored: StoredProcess
  readonly config: ProcessConfig
  /** undefined: it feeds no stream. */
  readonly port: StreamPort | undefined
  readonly runner: Runner
}

/**
 * The process list: what is to run, kept in the store, and what runs.
 * Operations on one process are done one after the other.
 */
export class Processes {
  readonly #parts: ProcessesParts
  readonly #entries = new Map<string, Entry>()
  readonly #queue = new KeyedQueue()
  /** Processes that are being added: they count, too. */
  #adding = 0
  #closed = false

  constructor(parts: ProcessesParts) {
    this.#parts = parts
  }

  /**
   * Takes over the stored processes, then those of `initial` whose ids are
   * not stored, and starts what should run. A stored process that cannot be
   * used is logged and stays in the store as it is.
   */
  async start(initial: readonly ProcessConfig[]): Promise<void> {
    for (const stored of this.#parts.store.list()) this.#restore(stored)
    for (const config of initial) {
      if (this.#parts.store.has(config.id)) continue
      await this.#create(config)
      this.#parts.log.info('process added from file', { process: config.id })
    }
    for (const { stored, runner } of this.#entries.values()) {
      if (stored.order === 'start') runner.start()
    }
  }

  /** All processes, in the order in which they were added. */
  list(): readonly Process[] {
    return [...this.#entries.values()].map(entry => this.#show(entry))
  }

  /** @throws {ProcessError} `unknown-process` */
  get(id: string): Process {
    return this.#show(this.#find(id))
  }

  /**
   * Adds a process, and starts it unless `autostart` is false.
   * @throws {ProcessError} `bad-config`, `process-exists` or `too-many`
   */
  async add(raw: unknown): Promise<ProcessConfig> {
    const { newId } = this.#parts.rules
    const config = this.#parse(mergeJson({ id: newId() }, raw ?? {}))
    return await this.#change([config.id], async () => {
      this.#refuseTaken(config.id)
      const entry = await this.#create(config)
      if (entry.stored.order === 'start') entry.runner.start()
      return config
    })
  }

  /**
   * Changes the fields that `patch` has; also the id. What runs is started
   * again where its configuration changed; the stream, with its viewers,
   * stays where its id and its `webrtc` are the same.
   * @throws {ProcessError} `unknown-process`, `bad-config`, `process-exists`
   */
  async update(id: string, patch: unknown): Promise<ProcessConfig> {
    const wanted = isJsonObject(patch) ? patch['id'] : undefined
    const keys = typeof wanted === 'string' ? [id, wanted] : [id]
    return await this.#change(keys, async () => {
      const entry = this.#find(id)
      const config = this.#parse(mergeJson(entry.config, patch))
      if (config.id !== id) this.#refuseTaken(config.id)
      if (!isDeepStrictEqual(config, entry.config)) {
        await this.#replace(entry, config)
      }
      return config
    })
  }

  /**
   * Stops a process and forgets it, also one that cannot be used.
   * @throws {ProcessError} `unknown-process`
   */
  async remove(id: string): Promise<void> {
    await this.#change([id], async () => {
      const { store } = this.#parts
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
          // The configuration in force is always the stored one, so that
          // reading it again has nothing to add.
          if (stored.order === 'stop') return
          runner.restart(`${command} command`)
          // Where it was over, as reconnect is off.
          runner.start()
          return
        default:
          command satisfies never
      }
    })
  }

  /**
   * Starts a process again without delay, as its stream asks for when its
   * legs are gone. Nothing where it does not run.
   */
  restartNow(id: string, reason: string): void {
    this.#entries.get(id)?.runner.restart(reason)
  }

  /** Ends all that runs; what should run is still stored as such. */
  async close(): Promise<void> {
    this.#closed = true
    const stops = this.#stopAll()
    await this.#queue.idle()
    // Also what an operation has started meanwhile.
    await Promise.all([stops, this.#stopAll()])
    await this.#parts.store.close()
  }

  async #stopAll(): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async ({ runner, port }) => {
        await runner.stop(CLOSE_KILL_AFTER_MS)
        await port?.stop()
      }),
    )
  }

  async #change<Result>(
    ids: readonly string[],
    work: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#closed) {
      throw new ProcessError('closed', 'Cannot change processes at the end')
    }
    return await this.#queue.run(ids, work)
  }

  #parse(raw: unknown): ProcessConfig {
    return parseProcessConfig(raw, this.#parts.rules)
  }

  #find(id: string): Entry {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw unknownProcess(id)
    return entry
  }

  #refuseTaken(id: string): void {
    if (!this.#parts.store.has(id)) return
    throw new ProcessError(
      'process-exists',
      `A process with the id ${JSON.stringify(id)} exists already`,
    )
  }

  #show({ stored, config, runner }: Entry): Process {
    const metadata = this.#parts.store.metadata(stored.id)
    return { stored, config, runner, metadata }
  }

  #restore(stored: StoredProcess): void {
    try {
      const config = this.#parse(fromStoredConfig(stored.config))
      if (config.id !== stored.id) {
        throw new RangeError(`Its id and that of its configuration differ`)
      }
      this.#entries.set(stored.id, this.#open(stored, config))
    } catch (error) {
      this.#parts.log.error('cannot use a stored process, left as it is', {
        process: stored.id,
        error,
      })
    }
  }

  /** Registers the stream of a process and makes what runs for it. */
  #open(
    stored: StoredProcess,
    config: ProcessConfig,
    formerPort?: StreamPort,
  ): Entry {
    const { streams, createRunner } = this.#parts
    const { id, webrtc } = config
    const port =
      formerPort ??
      (webrtc.enabled ? streams.add(parseStreamId(id), webrtc) : undefined)
    return { stored, config, port, runner: createRunner(config, port) }
  }

  async #create(config: ProcessConfig): Promise<Entry> {
    const { store } = this.#parts
    if (store.size + this.#adding >= MAX_PROCESSES) {
      throw new ProcessError(
        'too-many',
        `Cannot add process: there are ${MAX_PROCESSES}, which is the limit`,
      )
    }
    const seconds = this.#unixSeconds()
    const stored: StoredProcess = {
      id: config.id,
      reference: config.reference,
      config: toStoredConfig(config, undefined),
      created_at: seconds,
      updated_at: seconds,
      order: config.autostart ? 'start' : 'stop',
    }
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

  async #replace(former: Entry, config: ProcessConfig): Promise<void> {
    const { store } = this.#parts
    const formerId = former.config.id
    const stored: StoredProcess = {
      ...former.stored,
      id: config.id,
      reference: config.reference,
      config: toStoredConfig(config, former.stored.config),
      updated_at: this.#unixSeconds(),
    }
    // First, as it may be refused: then all is as it was.
    await store.put(stored, formerId)
    await former.runner.stop()
    const keepsStream =
      config.id === formerId &&
      isDeepStrictEqual(config.webrtc, former.config.webrtc)
    if (!keepsStream) await former.port?.remove()
    const entry = this.#open(
      stored,
      config,
      keepsStream ? former.port : undefined,
    )
    if (config.id !== formerId) this.#entries.delete(formerId)
    this.#entries.set(config.id, entry)
    if (stored.order === 'start') entry.runner.start()
  }

  async #setOrder(entry: Entry, order: Order): Promise<void> {
    if (entry.stored.order === order) return
    const stored = { ...entry.stored, order }
    await this.#parts.store.put(stored)
    this.#entries.set(stored.id, { ...entry, stored })
  }

  #unixSeconds(): number {
    return Math.floor(this.#parts.now() / 1000)
  }
}

function unknownProcess(id: string): ProcessError {
  const shown = JSON.stringify(id.slice(0, 256))
  return new ProcessError('unknown-process', `No process has the id ${shown}`)
}
