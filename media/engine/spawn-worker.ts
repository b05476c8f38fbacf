import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createWorker } from 'mediasoup'
import type { Worker } from 'mediasoup/types'

import { EngineError } from './engine-error.ts'

/**
 * Starts a worker process. A worker of another version than mediasoup's
 * JavaScript never says that it runs; it is killed after `timeLimitMs`.
 * @throws {EngineError} `worker`
 */
export async function spawnWorker(
  binary: string,
  timeLimitMs: number,
): Promise<Worker> {
  const { children, created } = createObserved(binary)
  const limit = AbortSignal.timeout(timeLimitMs)
  const kill = () => {
    // mediasoup then sees it exit, and rejects.
    for (const child of children) child.kill('SIGKILL')
  }
  limit.addEventListener('abort', kill)
  try {
    const worker = await created
    leaveSignalsToUs(worker)
    return worker
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const why = limit.aborted
      ? `it did not answer within ${timeLimitMs} ms; is it of this version?`
      : reason
    throw new EngineError(
      'worker',
      `Cannot start mediasoup worker ${binary}: ${why}`,
      { cause },
    )
  } finally {
    limit.removeEventListener('abort', kill)
  }
}

/**
 * mediasoup closes its workers at the first SIGINT or SIGTERM, under streams
 * and viewers that still stand, so that FFmpeg's legs look as if they failed.
 * In what order things end is for the app to say.
 */
function leaveSignalsToUs(worker: Worker): void {
  if (!('onSignal' in worker) || typeof worker.onSignal !== 'function') return
  const onSignal = worker.onSignal as (signal: NodeJS.Signals) => void
  process.off('SIGINT', onSignal)
  process.off('SIGTERM', onSignal)
}

/** mediasoup hands out a worker once it runs; its child we need before. */
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
