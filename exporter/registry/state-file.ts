import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../../shared/log.ts'
import { StartError } from '../start-error.ts'
import { count, fieldsOf, readEntry, type Entry } from './entry.ts'
import { applyEntry, createLedger, type Ledger } from './ledger.ts'
import { readLines, writeLine } from './state-lines.ts'
import { decodeLedger, encodeLedger } from './state.ts'

const FORMAT = 'dragonfork-exporter-state'
const VERSION = 1

export interface StateFileOptions {
  readonly path: string
  readonly core: string
  /** For a file that is new or lost. */
  readonly maxStreams: number
  readonly log: Log
  /** Called for each write that failed. */
  readonly onWriteFailure: () => void
  readonly now: () => Date
  /** The file is made small again when it has grown by so many bytes. */
  readonly compactAfterBytes?: number
  /** Nothing is written beyond this length, whatever compaction does. */
  readonly maxBytes?: number
  /** Time between two attempts to write, milliseconds. */
  readonly retryMs?: number
}

/**
 * The ledger on disk: a header line, a line with the whole ledger, and a line
 * for each entry since. A write that the process did not live to finish
 * leaves a torn last line, which is dropped. When it has grown, the file is
 * written anew beside itself and renamed, so at any time one whole file is
 * there. Lines are not synced to the disk one by one: they survive the end of
 * the process, however it ends, and all but the last seconds that of the
 * machine.
 */
export class StateFile {
  readonly #options: Required<StateFileOptions>
  readonly #closing = new AbortController()
  #file: FileHandle
  /** Where the next line goes: the end of the last whole one. */
  #length: number
  #compactAt: number
  #failing = false
  #busy: Promise<void> = Promise.resolve()

  private constructor(
    options: Required<StateFileOptions>,
    file: FileHandle,
    length: number,
  ) {
    this.#options = options
    this.#file = file
    this.#length = length
    this.#compactAt = length + Math.max(length, options.compactAfterBytes)
  }

  /**
   * Opens the file, or makes it, and reads the ledger from it. A file that is
   * damaged is copied aside and what can be read of it is used: the media
   * process tells again what came after.
   * @throws {StartError} when it is another core's or a newer version's, or
   *   cannot be read or made
   */
  static async open(
    given: StateFileOptions,
  ): Promise<{ file: StateFile; ledger: Ledger }> {
    const options = {
      compactAfterBytes: 1024 * 1024,
      maxBytes: 256 * 1024 * 1024,
      retryMs: 1_000,
      ...given,
    }
    const { path, core, maxStreams, log, now } = options
    const bytes = await readWhole(path)
    const found = bytes === undefined ? undefined : recover(bytes, path, core)
    try {
      if (found?.damage !== undefined && bytes !== undefined) {
        const { damage } = found
        const aside = `${path}.corrupt-${now().toISOString().replace(/:/g, '')}`
        await (await writeWhole(aside, [bytes])).close()
        log.error('state file is damaged: kept aside', { path, aside, damage })
      }
      const ledger = found?.ledger ?? createLedger(core, maxStreams)
      const { handle, length } =
        found?.ledger === undefined || found.damage !== undefined
          ? await replace(path, ledger)
          : { handle: await open(path, 'r+'), length: found.goodBytes }
      return { file: new StateFile(options, handle, length), ledger }
    } catch (cause) {
      throw new StartError(
        `Cannot use EXPORTER_STATE_FILE ${path}: ${messageOf(cause)}`,
        { cause },
      )
    }
  }

  /**
   * Writes the entry, which is to be applied to `ledger` next. Resolves when
   * it is kept; while it cannot be written, it is tried again and again.
   * @throws {Error} when the file is closed before that
   */
  keep(entry: Entry, ledger: Ledger): Promise<void> {
    const done = this.#keep(entry, ledger)
    this.#busy = done.catch(() => undefined)
    return done
  }

  async #keep(entry: Entry, ledger: Ledger): Promise<void> {
    const line = writeLine(entry)
    const { log, path, maxBytes, retryMs, onWriteFailure } = this.#options
    for (;;) {
      this.#closing.signal.throwIfAborted()
      try {
        const length = this.#length + line.length
        if (length > Math.min(this.#compactAt, maxBytes)) {
          await this.#compact(ledger)
        }
        await this.#append(line)
        break
      } catch (error) {
        onWriteFailure()
        if (!this.#failing) log.error('state cannot be kept', { path, error })
        this.#failing = true
      }
      await delay(retryMs, undefined, { signal: this.#closing.signal })
    }
    if (this.#failing) log.info('state is kept again', { path })
    this.#failing = false
  }

  /** At a fixed position, so that a second attempt overwrites a torn one. */
  async #append(line: Buffer): Promise<void> {
    const { maxBytes } = this.#options
    if (this.#length + line.length > maxBytes) {
      throw new RangeError(
        `Cannot append ${line.length} bytes: the file has ${this.#length}, ` +
          `limit is ${maxBytes}`,
      )
    }
    let written = 0
    while (written < line.length) {
      const { bytesWritten } = await this.#file.write(
        line,
        written,
        line.length - written,
        this.#length + written,
      )
      written += bytesWritten
    }
    this.#length += line.length
  }

  /** Keeps the long file, for a while, where no new one can be written. */
  async #compact(ledger: Ledger): Promise<void> {
    const { path, log, onWriteFailure, compactAfterBytes } = this.#options
    try {
      const { handle, length } = await replace(path, ledger)
      const old = this.#file
      this.#file = handle
      this.#length = length
      await old.close()
    } catch (error) {
      onWriteFailure()
      log.error('state file cannot be made small', { path, error })
    }
    this.#compactAt = this.#length + Math.max(this.#length, compactAfterBytes)
  }

  /** Gives up what cannot be written; waits for what is being written. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#busy
    // A second close of the handle resolves as well.
    await this.#file.close()
  }
}

async function readWhole(path: string): Promise<Buffer | undefined> {
  try {
    const bytes = await readFile(path)
    return bytes.length === 0 ? undefined : bytes
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      return undefined
    }
    throw new StartError(
      `Cannot read EXPORTER_STATE_FILE ${path}: ${messageOf(cause)}`,
      { cause },
    )
  }
}

interface Recovered {
  /** Undefined where not even the header and the ledger could be read. */
  readonly ledger: Ledger | undefined
  readonly goodBytes: number
  readonly damage: string | undefined
}

function recover(bytes: Buffer, path: string, core: string): Recovered {
  const { values, goodBytes, damage } = readLines(bytes)
  const [header, state, ...entries] = values
  let ledger: Ledger | undefined
  try {
    checkHeader(header, path, core)
    ledger = decodeLedger(state, core)
    for (const entry of entries) applyEntry(ledger, readEntry(entry))
  } catch (error) {
    if (error instanceof StartError) throw error
    return { ledger, goodBytes, damage: damage ?? messageOf(error) }
  }
  return { ledger, goodBytes, damage }
}

function checkHeader(header: unknown, path: string, core: string): void {
  const fields = fieldsOf(header)
  if (fields['format'] !== FORMAT) {
    throw new RangeError(`expected format ${FORMAT}`)
  }
  const version = count(fields, 'version')
  if (version !== VERSION) {
    throw new StartError(
      `Cannot use EXPORTER_STATE_FILE ${path}: it is of version ${version}, ` +
        `expected ${VERSION}; name another file`,
    )
  }
  if (fields['core'] !== core) {
    throw new StartError(
      `Cannot use EXPORTER_STATE_FILE ${path}: it has the counters of ` +
        `CORE_ID ${JSON.stringify(fields['core'])}, expected ` +
        `${JSON.stringify(core)}; name another file or set that CORE_ID`,
    )
  }
}

/**
 * Puts a file with nothing but the ledger in the place of what is there; the
 * handle stays open, so from the rename on nothing can go to the old one.
 */
async function replace(path: string, ledger: Ledger) {
  const header = { format: FORMAT, version: VERSION, core: ledger.core }
  const beside = `${path}.new`
  const parts = [writeLine(header), writeLine(encodeLedger(ledger))] as const
  const handle = await writeWhole(beside, parts)
  try {
    await rename(beside, path)
  } catch (error) {
    await handle.close()
    await rm(beside, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
  return { handle, length: parts[0].length + parts[1].length }
}

async function writeWhole(path: string, parts: readonly Buffer[]) {
  const handle = await open(path, 'w', 0o600)
  try {
    for (const part of parts) await handle.writeFile(part)
    await handle.sync()
    return handle
  } catch (error) {
    await handle.close()
    await rm(path, { force: true })
    throw error
  }
}

/** A rename is on disk when its folder is; not every file system can tell. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().catch(() => undefined)
  await folder.close()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
