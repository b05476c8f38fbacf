import { StreamError } from './stream-port.ts'
import type { Clock } from '../clock.ts'

export interface DeadlineOptions<Value> {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Aborted when nobody waits any more. */
  readonly gone?: AbortSignal
  /** Takes a result that comes too late. */
  readonly discard: (late: Value) => void
}

/**
 * Has the worker do `work` within `timeoutMs`. A frozen worker answers
 * nothing, so this does not wait for `work` to heed its signal.
 * @throws {StreamError} `deadline` when it was not done in time or wanted
 */
export async function withinDeadline<Value>(
  work: (signal: AbortSignal) => Promise<Value>,
  { clock, timeoutMs, gone, discard }: DeadlineOptions<Value>,
): Promise<Value> {
  const stop = new AbortController()
  const cut = Promise.withResolvers<never>()
  const abort = () => {
    stop.abort()
    cut.reject(new StreamError('deadline', 'Cannot wait for the worker longer'))
  }
  const cancelTimer = clock.after(timeoutMs, abort)
  gone?.addEventListener('abort', abort, { once: true })
  const working = work(stop.signal)
  try {
    if (gone?.aborted === true) abort()
    return await Promise.race([working, cut.promise])
  } catch (error) {
    // Whoever loses the race must keep nothing, nor reject unheard.
    working.then(discard, () => undefined)
    throw error
  } finally {
    cancelTimer()
    gone?.removeEventListener('abort', abort)
  }
}
