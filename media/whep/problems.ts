import {
  problemFactory,
  type Problem,
  type ProblemTable,
} from '../http/problem.ts'
import type { Mismatch } from './negotiation.ts'
import { SdpError } from './sdp.ts'
import type { StreamCodecs, StreamError, ViewerStream } from './stream-port.ts'

/** Problems that only WHEP answers with. */
const WHEP_PROBLEMS = {
  'malformed-offer': {
    status: 400,
    title: 'The offer is not SDP that can be answered',
  },
  'malformed-fragment': {
    status: 400,
    title: 'The body is not a trickle ICE fragment',
  },
  'probe-malformed': {
    status: 400,
    title: 'The header Dragonfork-Probe must be 1',
  },
  'probe-token': {
    status: 401,
    title: 'Only the exporter can probe: send its token',
  },
  'probe-local-only': {
    status: 403,
    title: 'Probe from this machine, or set CORE_EXPORTER_TOKEN and send it',
  },
  'stream-unknown': {
    status: 404,
    title: 'No stream has this id: check the address',
  },
  'session-unknown': {
    status: 404,
    title: 'No session has this id: start a new one',
  },
  'session-ended': {
    status: 404,
    title: 'The session has ended: start a new one',
  },
  'ice-timeout': {
    status: 404,
    title:
      'The session ended because the viewer did not connect in time: ' +
      'check that UDP reaches the server, then start a new one',
  },
  'codec-mismatch': {
    status: 406,
    title: 'The offer lacks a codec of the stream: offer that codec',
  },
  'stream-not-live': {
    status: 409,
    title: 'The stream has no media yet: try again soon',
  },
  'etag-stale': {
    status: 412,
    title: 'The ETag of the session has changed: use the current one',
  },
  'etag-missing': {
    status: 428,
    title: 'Send If-Match with the ETag of the session',
  },
  'too-many-posts': {
    status: 429,
    title: 'Too many sessions were requested: try again later',
  },
  'too-many-patches': {
    status: 429,
    title: 'Too many requests for one session: try again soon',
  },
  'cap-reached': {
    status: 503,
    title: 'The viewer limit is reached: try again later',
  },
  'too-many-probes': {
    status: 503,
    title: 'Too many probes are running: try again later',
  },
  'ports-exhausted': {
    status: 503,
    title: 'The server has no free media port: try again later',
  },
  'layouts-exhausted': {
    status: 503,
    title: 'Too many different players watch the stream: try again later',
  },
  'worker-unavailable': {
    status: 503,
    title: 'The media worker is being replaced: try again soon',
  },
  draining: {
    status: 503,
    title: 'The server takes no new viewers: try again later',
  },
  'shutting-down': {
    status: 503,
    title: 'The server is shutting down: try again later',
  },
  'worker-timeout': {
    status: 504,
    title: 'The media worker did not respond in time: try again',
  },
} as const satisfies ProblemTable

export const whepProblem = problemFactory(WHEP_PROBLEMS)

const RETRY_SOON = { 'Retry-After': '2' }

/** Calls `read`, and throws its SdpError as the problem `code`. */
export function rethrowSdpError<Value>(
  code: 'malformed-offer' | 'malformed-fragment',
  read: () => Value,
): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SdpError)) throw error
    throw whepProblem(code, error.message, { cause: error })
  }
}

const CODEC_NAMES = {
  h264: 'H264 with packetization-mode=1',
  vp8: 'VP8',
  opus: 'Opus',
} as const

/**
 * No common codec. A 406 with SDP and Location would be the draft's
 * counter-offer, which no player follows.
 */
export function mismatchProblem(
  { kinds }: Mismatch,
  codecs: StreamCodecs,
): Problem {
  const needs = kinds.map(kind => {
    const codec = codecs[kind]
    return codec === undefined
      ? `the stream has no ${kind}`
      : `${kind} needs ${CODEC_NAMES[codec]}`
  })
  return whepProblem('codec-mismatch', needs.join('; '), {
    members: { kind: kinds[0], kinds },
  })
}

/** The stream exists, but has no media yet, or no longer (draft, 4.4: 409). */
export function notLiveProblem(
  { over, demand }: Pick<ViewerStream, 'over' | 'demand'>,
  cause?: unknown,
): Problem {
  if (demand?.asleep === true) {
    return whepProblem('stream-not-live', 'The stream is asleep', {
      cause,
      headers: RETRY_SOON,
      members: { asleep: true },
    })
  }
  const detail = over
    ? 'FFmpeg has ended and is not started again'
    : 'No RTP has arrived yet'
  return whepProblem('stream-not-live', detail, {
    cause,
    headers: RETRY_SOON,
  })
}

/** The worker died or failed. This is not a cap, and not counted as one. */
export function workerProblem(cause?: unknown): Problem {
  return whepProblem('worker-unavailable', 'The media worker is not running', {
    cause,
    headers: RETRY_SOON,
  })
}

/** Why a stream did not open a viewer. */
export function streamProblem(
  cause: StreamError,
  stream: Pick<ViewerStream, 'over' | 'demand'>,
): Problem {
  switch (cause.code) {
    case 'not-live':
      return notLiveProblem(stream, cause)
    case 'not-started':
      return whepProblem('stream-not-live', cause.message, {
        cause,
        headers: RETRY_SOON,
        members: { on_demand: true },
      })
    case 'worker':
      return workerProblem(cause)
    case 'ports':
      return whepProblem('ports-exhausted', 'The port pool is empty', {
        cause,
        headers: RETRY_SOON,
        members: { scope: 'ports' },
      })
    case 'layouts':
      return whepProblem(
        'layouts-exhausted',
        'The viewers of the stream already use the maximum of payload-type ' +
          'maps',
        { cause, headers: RETRY_SOON },
      )
    case 'deadline':
      return whepProblem('worker-timeout', 'No transport was opened in time', {
        cause,
        headers: RETRY_SOON,
      })
    default:
      return cause.code satisfies never
  }
}

/** A request for a session that has ended for the reason `why`. */
export function endedProblem(why: string): Problem {
  if (why === 'ice-timeout') {
    return whepProblem(
      'ice-timeout',
      'The viewer did not connect within CORE_WEBRTC_ICE_TIMEOUT_MS',
    )
  }
  return whepProblem('session-ended', 'The session has ended', {
    members: { reason: why },
  })
}

/** The operator has taken this server out of service. */
export function drainingProblem(): Problem {
  return whepProblem('draining', 'Only present viewers are served', {
    headers: { 'Retry-After': '5' },
    members: { scope: 'draining' },
  })
}

/** The process is shutting down. */
export function shutdownProblem(): Problem {
  return whepProblem('shutting-down', 'No new viewers are admitted', {
    headers: { 'Retry-After': '5' },
  })
}
