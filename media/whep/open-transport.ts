import type { Report } from '../../shared/catalogue.ts'
import {
  StreamError,
  type ViewerRequest,
  type ViewerStream,
  type ViewerTransport,
} from './stream-port.ts'
import { notLive } from './agreement.ts'
import type { Clock } from '../clock.ts'
import { withinDeadline } from './deadline.ts'
import { type Problem } from '../http/problem.ts'
import { whepProblem } from './problems.ts'

export interface OpenOptions {
  /** Aborted when nobody waits for the transport any more. */
  readonly gone: AbortSignal
  readonly timeoutMs: number
  readonly clock: Clock
  readonly report: Report
}

/**
 * Has the worker make a transport within `timeoutMs`. One that comes later is
 * closed.
 * @throws {Problem} 409, 503 or 504
 */
export async function openTransport(
  stream: ViewerStream,
  request: ViewerRequest,
  { gone, timeoutMs, clock, report }: OpenOptions,
): Promise<ViewerTransport> {
  try {
    return await withinDeadline(signal => stream.openViewer(request, signal), {
      clock,
      timeoutMs,
      gone,
      discard: late => {
        late.close()
      },
    })
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
    // A viewer that hung up waits for nothing: that is no failure of ICE.
    if (error.code === 'deadline' && !gone.aborted) {
      report({
        family: 'dragonfork_webrtc_ice_failures_total',
        labels: { stream_id: stream.id, reason: 'timeout' },
      })
    }
    throw toProblem(error)
  }
}

const SOON = { 'Retry-After': '2' }

function toProblem(cause: StreamError): Problem {
  switch (cause.code) {
    case 'not-live':
      return notLive(cause)
    case 'worker':
      return workerUnavailable(cause)
    case 'ports':
      return whepProblem('ports-exhausted', 'The port pool is empty', {
        cause,
        headers: SOON,
        members: { scope: 'ports' },
      })
    case 'layouts':
      return whepProblem(
        'layouts-exhausted',
        'The viewers of the stream use as many sets of payload types as it ' +
          'may have',
        { cause, headers: SOON },
      )
    case 'deadline':
      return whepProblem('worker-timeout', 'No ICE endpoint came in time', {
        cause,
        headers: SOON,
      })
    default:
      return cause.code satisfies never
  }
}

/** The worker died or refused. Not a cap, so not counted as one. */
export function workerUnavailable(cause?: unknown): Problem {
  return whepProblem('worker-unavailable', 'The media worker is not there', {
    cause,
    headers: SOON,
  })
}
