/** The two requests of WHEP to the media worker, each with a timeout. */
import type { IceParameters } from 'mediasoup/types'
import type { Clock } from '../../shared/runtime/clock.ts'
import { untilAborted } from '../engine/with-abort.ts'
import { streamProblem, whepProblem } from './problems.ts'
import {
  StreamError,
  type ViewerRequest,
  type ViewerStream,
  type ViewerTransport,
} from './stream-port.ts'

/** Time for the worker to open a transport, milliseconds. */
const OPEN_TIMEOUT_MS = 5_000
/** Time for the worker to restart ICE, milliseconds. */
const RESTART_TIMEOUT_MS = 5_000

export interface TransportOptions {
  readonly clock: Clock
  /** Aborted if the transport is not needed any more. */
  readonly aborted: AbortSignal
  /** Called if the worker did not respond in time. */
  readonly onTimeout: () => void
}

/**
 * Has the worker open a viewer's transport. One that is opened too late is
 * closed.
 * @throws {Problem} 409, 503 or 504
 */
export async function requestTransport(
  stream: ViewerStream,
  request: ViewerRequest,
  { clock, aborted, onTimeout }: TransportOptions,
): Promise<ViewerTransport> {
  try {
    return await withTimeout(signal => stream.openViewer(request, signal), {
      clock,
      timeoutMs: OPEN_TIMEOUT_MS,
      aborted,
      discard: late => {
        late.close()
      },
    })
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
    if (error.code === 'deadline' && !aborted.aborted) onTimeout()
    throw streamProblem(error, stream)
  }
}

/**
 * Has the worker restart ICE. If it fails, the session continues with its old
 * credentials; if it succeeds too late, the worker accepts both.
 * @throws {Problem} 503 or 504
 */
export async function requestIceRestart(
  transport: ViewerTransport,
  clock: Clock,
): Promise<IceParameters> {
  try {
    return await withTimeout(signal => transport.restartIce(signal), {
      clock,
      timeoutMs: RESTART_TIMEOUT_MS,
      discard: () => undefined,
    })
  } catch (cause) {
    const late = cause instanceof StreamError && cause.code === 'deadline'
    throw whepProblem(
      late ? 'worker-timeout' : 'worker-unavailable',
      'ICE was not restarted; the session continues unchanged',
      { cause, headers: { 'Retry-After': '2' } },
    )
  }
}

interface TimeoutOptions<Value> {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly aborted?: AbortSignal
  readonly discard: (late: Value) => void
}

/** @throws {StreamError} `deadline` at the timeout or abort */
async function withTimeout<Value>(
  request: (signal: AbortSignal) => Promise<Value>,
  { clock, timeoutMs, aborted, discard }: TimeoutOptions<Value>,
): Promise<Value> {
  const timeout = new AbortController()
  const cancelTimer = clock.after(timeoutMs, () => {
    timeout.abort()
  })
  const signal = AbortSignal.any([
    timeout.signal,
    ...(aborted ? [aborted] : []),
  ])
  try {
    return await untilAborted(request(signal), {
      signal,
      discard,
      error: cause =>
        new StreamError('deadline', 'The worker did not respond in time', {
          cause,
        }),
    })
  } finally {
    cancelTimer()
  }
}
