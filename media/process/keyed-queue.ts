import { ProcessError } from './process-error.ts'

/** Maximum number of operations waiting for one key; more are rejected. */
const MAX_WAITING = 32

/**
 * Runs operations with the same key one after another, in order of arrival,
 * and operations with different keys concurrently.
 */
export class KeyedQueue {
  readonly #tails = new Map<string, { done: Promise<void>; waiting: number }>()

  /**
   * Runs `work` once all earlier operations on any of `keys` are done. It joins
   * all queues at the same time, so there is no deadlock.
   * @throws {ProcessError} `busy` if too many are waiting
   */
  async run<Result>(
    keys: readonly string[],
    work: () => Promise<Result>,
  ): Promise<Result> {
    const distinct = [...new Set(keys)]
    const earlier = distinct.flatMap(key => this.#tails.get(key) ?? [])
    if (earlier.some(({ waiting }) => waiting >= MAX_WAITING)) {
      throw new ProcessError(
        'busy',
        `Cannot queue operation: ${MAX_WAITING} wait for this process`,
      )
    }
    const { promise: done, resolve: finish } =
      Promise.withResolvers<undefined>()
    for (const key of distinct) {
      const waiting = (this.#tails.get(key)?.waiting ?? 0) + 1
      this.#tails.set(key, { done, waiting })
    }
    await Promise.all(earlier.map(tail => tail.done))
    try {
      return await work()
    } finally {
      finish(undefined)
      for (const key of distinct) this.#leave(key)
    }
  }

  /** Resolves once all current operations are done. */
  async idle(): Promise<void> {
    await Promise.all([...this.#tails.values()].map(tail => tail.done))
  }

  #leave(key: string): void {
    const tail = this.#tails.get(key)
    if (tail === undefined) return
    if (tail.waiting === 1) this.#tails.delete(key)
    else this.#tails.set(key, { ...tail, waiting: tail.waiting - 1 })
  }
}
