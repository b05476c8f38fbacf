import { EngineError } from './engine-error.ts'

/**
 * Waits for what a worker was asked to make, but no longer than `signal`
 * lets: a frozen worker answers after it was thawed, and what it made then
 * goes to `undo`.
 * @throws {EngineError} `deadline` when the signal is or gets aborted,
 *   `worker` when the worker refused or died
 */
export function bounded<Made>(
  action: string,
  made: Promise<Made>,
  signal: AbortSignal,
  undo: (late: Made) => void,
): Promise<Made> {
  return new Promise((resolve, reject) => {
    let waiting = true
    const giveUp = () => {
      waiting = false
      reject(
        new EngineError('deadline', `Cannot ${action}: no answer in time`, {
          cause: signal.reason,
        }),
      )
    }
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
    made.then(
      value => {
        signal.removeEventListener('abort', giveUp)
        if (waiting) resolve(value)
        else undo(value)
      },
      (cause: unknown) => {
        signal.removeEventListener('abort', giveUp)
        reject(EngineError.from(cause, action))
      },
    )
  })
}
