import { CLOSE_CODES, type CloseReason } from '../../shared/protocol/frames.ts'
import type { LogFields } from '../../shared/runtime/log.ts'

/** Why there is no connection to the exporter, in words for the log. */
export interface DisconnectReason {
  /** Logged once; repetitions of the same message are not logged. */
  readonly message: string
  readonly fields: LogFields
  /** Whether a person has to act; then the link retries less often. */
  readonly permanent: boolean
  /** The exporter's close code by name, if it closed the connection. */
  readonly closeReason?: CloseReason
}

interface Explanation {
  readonly message: string
  readonly permanent: boolean
}

const BY_CLOSE_REASON = {
  malformed: {
    message: 'exporter could not read a frame; do the versions differ?',
    permanent: false,
  },
  out_of_order: {
    message: 'exporter received frames out of order; reconnecting',
    permanent: false,
  },
  wrong_core: {
    message:
      'exporter rejected the connection: set CORE_ID to the same value in ' +
      'both processes',
    permanent: true,
  },
  wrong_protocol: {
    message:
      'exporter rejected the connection: update the older of the two processes',
    permanent: true,
  },
  too_many_frames: {
    message: 'exporter rejected the connection: too many frames',
    permanent: true,
  },
  replaced: {
    message:
      'exporter accepted another media process instead; only one may report ' +
      'to it',
    permanent: true,
  },
  retired_boot: {
    message:
      'exporter rejected the connection: a newer media process reports to it',
    permanent: true,
  },
} as const satisfies Record<CloseReason, Explanation>

const UNAUTHORIZED: Explanation = {
  message:
    'exporter rejected the connection: CORE_EXPORTER_TOKEN must equal its ' +
    'EXPORTER_INGEST_TOKEN',
  permanent: true,
}

const NOT_FOUND: Explanation = {
  message:
    'exporter rejected the connection: CORE_EXPORTER_URL must end in /ingest',
  permanent: true,
}

const UNAVAILABLE: Explanation = {
  message:
    'exporter rejected the connection for now: it is starting, shutting ' +
    'down or has too many connections',
  permanent: false,
}

const BY_STATUS: ReadonlyMap<number, Explanation> = new Map([
  [401, UNAUTHORIZED],
  [403, UNAUTHORIZED],
  [404, NOT_FOUND],
  [503, UNAVAILABLE],
])

const OTHER_STATUS: Explanation = {
  message:
    'exporter rejected the connection: CORE_EXPORTER_URL must be its ingest ' +
    'address',
  permanent: true,
}

/** The connection was closed; `code` as in RFC 6455 section 7.4. */
export function reasonOfClose(code: number, reason: string): DisconnectReason {
  for (const closeReason of Object.keys(BY_CLOSE_REASON).filter(
    isCloseReason,
  )) {
    if (CLOSE_CODES[closeReason] !== code) continue
    const explanation = BY_CLOSE_REASON[closeReason]
    return { ...explanation, fields: { code, reason }, closeReason }
  }
  const message = 'connection to exporter lost'
  return { message, permanent: false, fields: { code, reason } }
}

/** The exporter answered the upgrade request with an HTTP status. */
export function reasonOfStatus(status: number): DisconnectReason {
  return { ...(BY_STATUS.get(status) ?? OTHER_STATUS), fields: { status } }
}

/** The connection failed, or could not be opened. */
export function reasonOfError(error: Error): DisconnectReason {
  const message =
    'cannot reach exporter; observations are kept until it is back'
  return { message, permanent: false, fields: { error } }
}

/** The exporter did not send `expected` within `timeoutMs`. */
export function reasonOfTimeout(
  expected: string,
  timeoutMs: number,
): DisconnectReason {
  const message =
    'exporter does not respond; observations are kept until it does'
  return { message, permanent: false, fields: { expected, timeoutMs } }
}

/** The exporter sent a frame that the protocol does not allow here. */
export function reasonOfProtocol(error: Error): DisconnectReason {
  const message = 'exporter broke the protocol; do the versions differ?'
  return { message, permanent: false, fields: { error } }
}

function isCloseReason(name: string): name is CloseReason {
  return Object.hasOwn(BY_CLOSE_REASON, name)
}
