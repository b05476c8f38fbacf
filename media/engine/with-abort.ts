import { EngineError } from './engine-error.ts'

export interface AbortOptions<Value> {
  readonly signal: AbortSignal
  /** Takes a value that arrives after the abort. */
  readonly discard: (late: Value) => void
  /** The error to throw on abort. */
  readonly error: (cause: unknown) => Error
}

/**
 * Waits for `result`, but only until `signal` is aborted. A frozen worker
 * replies late, after it is resumed: what it created by then is passed to
 * `discard`, and a late rejection is ignored.
 * @throws `error` on abort, otherwise what `result` rejects with
 */
export function untilAborted<Value>(
  result: Promise<Value>,
  { signal, discard, error }: AbortOptions<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    let waiting = true
    const abort = () => {
      waiting = false
      reject(error(signal.reason))
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    const done = () => {
      signal.removeEventListener('abort', abort)
    }
    result.finally(done).then(value => {
      if (waiting) resolve(value)
      else discard(value)
    }, reject)
  })
}

/**
 * Waits for what a worker creates, as `untilAborted` does.
 * @throws {EngineError} `deadline` on abort, `worker` if the worker failed or
 *   died
 */
export async function withAbort<Made>(
  action: string,
  made: Promise<Made>,
  signal: AbortSignal,
  discard: (late: Made) => void,
): Promise<Made> {
  try {
    return await untilAborted(made, {
      signal,
      discard,
      error: cause =>
        new EngineError('deadline', `Cannot ${action}: no response in time`, {
          cause,
        }),
    })
  } catch (cause) {
    throw EngineError.from(cause, action)
  }
}
