import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { tied, type Command } from './death-signal.mjs'

/** How many of its last lines a process that ended is remembered by. */
const LAST_LINES = 20
/** How long to read on after its end: what it started may hold the pipes. */
const DRAIN_MS = 200

/** What of a process listens: its HTTP server, the exporter's WebSocket. */
export type Part = 'web' | 'ingest'

export interface ChildOptions {
  readonly command: Command
  readonly env: NodeJS.ProcessEnv
  /** Gets every line that the process prints. */
  readonly onLine: (line: string) => void
}

/**
 * One of the two processes. It leads a process group of its own: Ctrl-C in a
 * terminal then reaches only us, who end the two in order, and what a process
 * leaves behind (FFmpeg, workers) can be ended with it.
 */
export class Child {
  /** Resolves when the process has ended, to how it did. Never rejects. */
  readonly ended: Promise<string>
  readonly #process: ChildProcess
  readonly #lastLines: string[] = []
  readonly #addresses = {
    web: Promise.withResolvers<string>(),
    ingest: Promise.withResolvers<string>(),
  } satisfies Record<Part, PromiseWithResolvers<string>>

  constructor({ command, env, onLine }: ChildOptions) {
    const [program, ...args] = tied(command)
    this.#process = spawn(program, args, {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const input of [this.#process.stdout, this.#process.stderr]) {
      if (input === null) continue
      createInterface({ input }).on('line', line => {
        onLine(line)
        this.#read(line)
      })
    }
    this.ended = this.#end()
  }

  /** What it printed last, for whoever must say why it ended. */
  get lastWords(): string {
    return this.#lastLines.join('\n')
  }

  /** The address (`host:port`) that a part listens on, once it says so. */
  listening(part: Part): Promise<string> {
    return this.#addresses[part].promise
  }

  /** Asks it to end; after `graceMs` ends it and whatever it has started. */
  async stop(graceMs: number): Promise<void> {
    this.#process.kill('SIGTERM')
    await Promise.race([this.ended, delay(graceMs, undefined, { ref: false })])
    this.#killGroup()
    await this.ended
  }

  async #end(): Promise<string> {
    const closed = once(this.#process, 'close').catch(() => undefined)
    try {
      await once(this.#process, 'exit')
    } catch (error) {
      return `could not be started: ${String(error)}`
    }
    await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })])
    const { exitCode, signalCode } = this.#process
    return exitCode === null
      ? `was ended by ${signalCode ?? 'a signal'}`
      : `ended with code ${exitCode}`
  }

  #killGroup(): void {
    if (this.#process.pid === undefined) return
    try {
      process.kill(-this.#process.pid, 'SIGKILL')
    } catch {
      // ESRCH: nobody is left in the group, as it should be.
    }
  }

  #read(line: string): void {
    this.#lastLines.push(line)
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift()
    const bound = readListening(line)
    if (bound) this.#addresses[bound.part].resolve(bound.address)
  }
}

/** The part and address of a log record that tells of one. */
function readListening(
  line: string,
): { part: Part; address: string } | undefined {
  const record = readRecord(line)
  const { message, part, address } = record
  if (message !== 'listening' || typeof address !== 'string') return undefined
  return part === 'web' || part === 'ingest' ? { part, address } : undefined
}

function readRecord(line: string): Readonly<Record<string, unknown>> {
  if (!line.startsWith('{')) return {}
  try {
    const record: unknown = JSON.parse(line)
    return typeof record === 'object' ? { ...record } : {}
  } catch {
    return {}
  }
}
