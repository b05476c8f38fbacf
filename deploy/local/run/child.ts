import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { start } from '../setup/command.mjs'
import { tied, type Command } from '../setup/death-signal.mjs'

/** A listener of a process: its HTTP server, or the exporter's WebSocket. */
export type Part = 'web' | 'ingest'

/** One of the two processes. */
export class Child {
  /** Resolves to how the process ended. Never rejects. */
  readonly ended: Promise<string>
  readonly #child: ReturnType<typeof start>
  readonly #addresses = {
    web: Promise.withResolvers<string>(),
    ingest: Promise.withResolvers<string>(),
  } satisfies Record<Part, PromiseWithResolvers<string>>

  constructor(
    command: Command,
    env: NodeJS.ProcessEnv,
    onLine: (line: string) => void,
  ) {
    this.#child = start(tied(command), {
      env,
      onLine: line => {
        onLine(line)
        this.#read(line)
      },
    })
    this.ended = this.#child.ended.then(
      ({ code, signal }) =>
        code === null
          ? `was ended by ${String(signal)}`
          : `ended with code ${code}`,
      (error: unknown) => `could not be started: ${String(error)}`,
    )
  }

  get lastLines(): string {
    return this.#child.tail.join('\n')
  }

  /** The address (`host:port`) that a part listens on, once it is logged. */
  listening(part: Part): Promise<string> {
    return this.#addresses[part].promise
  }

  /** Sends SIGTERM; after `timeoutMs` kills the process and its children. */
  async stop(timeoutMs: number): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#endsWithin(timeoutMs)
    this.#child.killGroup('SIGKILL')
    await this.ended
  }

  /**
   * Stops a process that first drains for up to `drainMs`; a second SIGTERM,
   * sent when `secondSignal` aborts, ends that.
   */
  async stopDrained(
    timeoutMs: number,
    drainMs: number,
    secondSignal: AbortSignal,
  ): Promise<void> {
    if (drainMs > 0 && !secondSignal.aborted) {
      this.#child.kill('SIGTERM')
      const again = once(secondSignal, 'abort')
      await Promise.race([again, this.#endsWithin(drainMs + timeoutMs)])
    }
    await this.stop(timeoutMs)
  }

  async #endsWithin(timeoutMs: number): Promise<void> {
    await Promise.race([
      this.ended,
      delay(timeoutMs, undefined, { ref: false }),
    ])
  }

  #read(line: string): void {
    if (!line.startsWith('{"')) return
    const { message, part, address } = parse(line)
    if (message !== 'listening' || typeof address !== 'string') return
    if (part === 'web' || part === 'ingest') {
      this.#addresses[part].resolve(address)
    }
  }
}

function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}
