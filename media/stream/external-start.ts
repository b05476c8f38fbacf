import type { ExternalStart } from '../process/stream-port.ts'
import { toStreamError } from './stream-error.ts'
import type { StreamMachine } from './stream-machine.ts'

/**
 * Opens the legs of a stream that another program sends, retries with back-off,
 * and opens them again if the worker dies. Never rejects.
 * @param failures attempts in a row that have failed before
 */
export async function startExternal(
  machine: StreamMachine,
  start: ExternalStart,
  failures = 0,
): Promise<void> {
  const isStopped = () => start.signal.aborted
  if (isStopped()) return
  start.onState({ at: 'starting' })
  // An update starts the stream again, perhaps while it starts.
  while (machine.state.at === 'preparing') await machine.state.done
  if (isStopped()) return
  const restartSender = () => {
    void startExternal(machine, start)
  }
  const { state } = machine
  if (state.at === 'running') {
    machine.enter({ ...state, restartSender })
    start.onState({ at: 'running' })
    return
  }
  const error = await machine
    .prepare(restartSender, () => Promise.resolve(undefined))
    .catch(toStreamError)
  if (isStopped()) return
  const { state: prepared } = machine
  if (prepared.at === 'ready') {
    prepared.active.senderStarted()
    machine.enter({ ...prepared, at: 'running' })
    start.onState({ at: 'running' })
  } else if (prepared.at === 'failed' && error !== undefined) {
    const retryMs = start.retryDelayMs(failures + 1)
    const again = () => {
      void startExternal(machine, start, failures + 1)
    }
    machine.enter({
      ...prepared,
      retry: retryMs === undefined ? undefined : setTimeout(again, retryMs),
    })
    start.onState({ at: 'failed', error, retryMs })
  }
  // Otherwise it was stopped, or has lost its worker and starts again.
}
