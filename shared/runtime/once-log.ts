import type { Log, LogFields } from './log.ts'

/** Logs each message once, until `forget`. */
export class OnceLog {
  readonly #log: Log
  readonly #logged = new Set<string>()

  constructor(log: Log) {
    this.#log = log
  }

  /**
   * Logs the message unless it was logged before with this `kind`. All keys are
   * kept, so kinds must be few, like the constant messages.
   */
  once(
    level: 'info' | 'warn' | 'error',
    message: string,
    fields: LogFields = {},
    kind = '',
  ): void {
    const key = `${message} ${kind}`
    if (this.#logged.has(key)) return
    this.#logged.add(key)
    this.#log[level](message, fields)
  }

  /** Logs every message once again from now on. */
  forget(): void {
    this.#logged.clear()
  }
}
