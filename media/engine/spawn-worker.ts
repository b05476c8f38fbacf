import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { reasonOf } from '../../shared/runtime/errors.ts'
import { createWorker } from 'mediasoup'
import type { Worker } from 'mediasoup/types'

import { EngineError } from './engine-error.ts'

/**
 * Starts a worker process. A worker of another version than mediasoup's
 * JavaScript never reports that it runs; it is killed after `timeoutMs`.
 * @throws {EngineError} `worker`
 */
export async function spawnWorker(
  binary: string,
  timeoutMs: number,
): Promise<Worker> {
  const { children, created } = createObserved(binary)
  const timeout = AbortSignal.timeout(timeoutMs)
  const kill = () => {
    // mediasoup rejects when the child exits.
    for (const child of children) child.kill('SIGKILL')
  }
  timeout.addEventListener('abort', kill)
  try {
    const worker = await created
    removeSignalHandlers(worker)
    return worker
  } catch (cause) {
    const reason = reasonOf(cause)
    const why = timeout.aborted
      ? `it did not respond within ${timeoutMs} ms; is it the right version?`
      : reason
    throw new EngineError(
      'worker',
      `Cannot start mediasoup worker ${binary}: ${why}`,
      { cause },
    )
  } finally {
    timeout.removeEventListener('abort', kill)
  }
}

/**
 * mediasoup closes its workers at the first SIGINT or SIGTERM, before streams
 * and viewers are closed, so that FFmpeg's legs would count as failed.
 * Shutdown order is the app's decision.
 */
function removeSignalHandlers(worker: Worker): void {
  if (!('onSignal' in worker) || typeof worker.onSignal !== 'function') return
  const onSignal = worker.onSignal as (signal: NodeJS.Signals) => void
  process.off('SIGINT', onSignal)
  process.off('SIGTERM', onSignal)
}

/**
 * mediasoup resolves only once the worker runs; we need the child process
 * earlier, to kill it.
 */
function createObserved(binary: string) {
  const children: ChildProcess[] = []
  const onSpawn = (message: unknown) => {
    children.push((message as { process: ChildProcess }).process)
  }
  subscribe('child_process', onSpawn)
  try {
    // The child is spawned before the first await of createWorker().
    const created = createWorker({ workerBin: binary, logLevel: 'error' })
    return { children, created }
  } finally {
    unsubscribe('child_process', onSpawn)
  }
}
