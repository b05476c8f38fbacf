import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Fields } from '../../shared/protocol/fields.ts'
import { reasonOf } from '../../shared/runtime/errors.ts'
import {
  readIfExists,
  replaceFile,
  writeAtomically,
} from '../../shared/runtime/files.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { StartError } from '../http-server.ts'
import type { Limits } from '../limits.ts'
import { readEntry, type LedgerEntry } from './ledger-entry.ts'
import { decodeLedger, encodeLedger } from './ledger-json.ts'
import { applyEntry, createLedger, type Ledger } from './ledger.ts'
import { readLines, writeLine } from './state-lines.ts'

const FORMAT = 'dragonfork-exporter-state'
const VERSION = 1

export interface StateFileOptions {
  readonly path: string
  readonly core: string
  /** For a ledger that is not read from the file. */
  readonly maxStreams: number
  readonly limits: Limits
  readonly log: Log
  /** Called for each failed write. */
  readonly onWriteFailure: () => void
  /** For the name of the copy of a damaged file. */
  readonly now: () => Date
}

/**
 * The ledger on disk: a header line, a line with the whole ledger, and a line
 * for each entry since then. If the process is killed during a write, the torn
 * last line is dropped. Compaction writes a new file and renames it, so there
 * is a complete file at any time. Lines are not synced to disk one by one: they
 * survive any end of the process, but a crash of the machine can cost the last
 * seconds.
 */
export class StateFile {
  readonly #options: StateFileOptions
  readonly #closing = new AbortController()
  #file: FileHandle
  /** Position of the next line: the end of the last complete one. */
  #length: number
  #compactAt: number
  #failing = false
  #busy: Promise<void> = Promise.resolve()

  private constructor(
    options: StateFileOptions,
    file: FileHandle,
    length: number,
  ) {
    this.#options = options
    this.#file = file
    this.#length = length
    this.#compactAt = compactionSize(length, options.limits)
  }

  /**
   * Opens or creates the file, and reads the ledger from it. A damaged file is
   * copied aside and its readable part is used: the media process resends
   * everything after that.
   * @throws {StartError} if the file belongs to another core or version, or
   *   cannot be read or created
   */
  static async open(
    options: StateFileOptions,
  ): Promise<{ file: StateFile; ledger: Ledger }> {
    const { path, core, maxStreams, log, now } = options
    const bytes = await readWhole(path)
    const found = bytes === undefined ? undefined : recover(bytes, path, core)
    try {
      if (found?.damage !== undefined && bytes !== undefined) {
        const { damage } = found
        const aside = `${path}.corrupt-${now().toISOString().replace(/:/g, '')}`
        await writeAtomically(aside, [bytes])
        log.error('state file is damaged; kept aside', { path, aside, damage })
      }
      const ledger = found?.ledger ?? createLedger(core, maxStreams)
      const { handle, length } =
        found?.ledger === undefined || found.damage !== undefined
          ? await replace(path, ledger)
          : { handle: await open(path, 'r+'), length: found.goodBytes }
      return { file: new StateFile(options, handle, length), ledger }
    } catch (cause) {
      throw new StartError(
        `Cannot use EXPORTER_STATE_FILE ${path}: ${reasonOf(cause)}`,
        { cause },
      )
    }
  }

  /**
   * Appends the entry that will be applied to `ledger` next, and retries until
   * it is written.
   * @throws {Error} if the file is closed before that
   */
  keep(entry: LedgerEntry, ledger: Ledger): Promise<void> {
    const done = this.#keep(entry, ledger)
    this.#busy = done.catch(() => undefined)
    return done
  }

  async #keep(entry: LedgerEntry, ledger: Ledger): Promise<void> {
    const line = writeLine(entry)
    const { log, path, limits, onWriteFailure } = this.#options
    const { maxStateBytes, stateRetryMs } = limits
    for (;;) {
      this.#closing.signal.throwIfAborted()
      try {
        const length = this.#length + line.length
        if (length > Math.min(this.#compactAt, maxStateBytes)) {
          await this.#compact(ledger)
        }
        await this.#append(line)
        break
      } catch (error) {
        onWriteFailure()
        if (!this.#failing)
          log.error('cannot write state file', { path, error })
        this.#failing = true
      }
      await delay(stateRetryMs, undefined, { signal: this.#closing.signal })
    }
    if (this.#failing) log.info('state file is written again', { path })
    this.#failing = false
  }

  /** Writes at a fixed position, so that a retry overwrites a torn line. */
  async #append(line: Buffer): Promise<void> {
    const { maxStateBytes } = this.#options.limits
    if (this.#length + line.length > maxStateBytes) {
      throw new RangeError(
        `Cannot append ${line.length} bytes: the file has ${this.#length}, ` +
          `limit is ${maxStateBytes}`,
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

  /** If no new file can be written, the old one stays in use for a while. */
  async #compact(ledger: Ledger): Promise<void> {
    const { path, log, onWriteFailure, limits } = this.#options
    try {
      const { handle, length } = await replace(path, ledger)
      const old = this.#file
      this.#file = handle
      this.#length = length
      await old.close()
    } catch (error) {
      onWriteFailure()
      log.error('cannot compact state file', { path, error })
    }
    this.#compactAt = compactionSize(this.#length, limits)
  }

  /** Stops retries, waits for a write in progress, and closes the file. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#busy
    // close() of a closed handle resolves too.
    await this.#file.close()
  }
}

/** The size at which a file of `length` is compacted. */
function compactionSize(length: number, { compactAfterBytes }: Limits): number {
  return length + Math.max(length, compactAfterBytes)
}

async function readWhole(path: string): Promise<Buffer | undefined> {
  try {
    const bytes = await readIfExists(path)
    return bytes?.length === 0 ? undefined : bytes
  } catch (cause) {
    throw new StartError(
      `Cannot read EXPORTER_STATE_FILE ${path}: ${reasonOf(cause)}`,
      { cause },
    )
  }
}

interface Recovered {
  /** Undefined if the header or the ledger is unreadable. */
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
    return { ledger, goodBytes, damage: damage ?? reasonOf(error) }
  }
  return { ledger, goodBytes, damage }
}

function checkHeader(header: unknown, path: string, core: string): void {
  const fields = Fields.of(header)
  if (fields.raw('format') !== FORMAT) {
    throw new RangeError(`expected format ${FORMAT}`)
  }
  const version = fields.count('version')
  if (version !== VERSION) {
    throw new StartError(
      `Cannot use EXPORTER_STATE_FILE ${path}: its version is ${version}, ` +
        `expected ${VERSION}; use another file`,
    )
  }
  if (fields.raw('core') !== core) {
    throw new StartError(
      `Cannot use EXPORTER_STATE_FILE ${path}: it has the counters of ` +
        `CORE_ID ${JSON.stringify(fields.raw('core'))}, expected ` +
        `${JSON.stringify(core)}; use another file or set that CORE_ID`,
    )
  }
}

/**
 * Replaces the file by one with only the ledger. Returns the handle it was
 * written with, so that no later line can go to the old file.
 */
async function replace(path: string, ledger: Ledger) {
  const header = { format: FORMAT, version: VERSION, core: ledger.core }
  const parts = [writeLine(header), writeLine(encodeLedger(ledger))] as const
  const handle = await replaceFile(path, parts)
  return { handle, length: parts[0].length + parts[1].length }
}
