import type { Log, LogFields } from './log.ts'

/** Says each thing once, until it is asked to forget what it said. */
export class OnceLog {
  readonly #log: Log
  readonly #said = new Set<string>()

  constructor(log: Log) {
    this.#log = log
  }

  /**
   * Says it unless it was said. Messages are constant, so few, and so must be
   * the kinds of what is said with the same message.
   */
  once(
    level: 'info' | 'warn' | 'error',
    message: string,
    fields: LogFields = {},
    kind = '',
  ): void {
    const key = `${message} ${kind}`
    if (this.#said.has(key)) return
    this.#said.add(key)
    this.#log[level](message, fields)
  }

  /** From now on everything is news again. */
  forget(): void {
    this.#said.clear()
  }
}
