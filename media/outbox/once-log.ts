import type { Log, LogFields } from '../../shared/log.ts'

/** Says each thing once, until it is asked to forget what it said. */
export class OnceLog {
  readonly #log: Log
  readonly #said = new Set<string>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Messages are constant, so few; one that was said is not said again. */
  once(
    level: 'info' | 'warn' | 'error',
    message: string,
    fields: LogFields = {},
  ): void {
    if (this.#said.has(message)) return
    this.#said.add(message)
    this.#log[level](message, fields)
  }

  /** From now on everything is news again. */
  forget(): void {
    this.#said.clear()
  }
}
