import { CLOSE_CODES, type CloseReason } from '../../shared/frames.ts'
import type { LogFields } from '../../shared/log.ts'

/** Why there is no connection to the exporter, in words for the log. */
export interface Trouble {
  /** What is logged once; a repetition of the same is not told again. */
  readonly message: string
  readonly fields: LogFields
  /** Whether a person must act: then we ask again less often. */
  readonly lasting: boolean
  /** As what the exporter closed the connection, where it did. */
  readonly refusal?: CloseReason
}

interface Explanation {
  readonly message: string
  readonly lasting: boolean
}

const REFUSALS = {
  malformed: {
    message: 'exporter could not read a frame: is it of the same version?',
    lasting: false,
  },
  out_of_order: {
    message: 'exporter saw frames out of order; starting over',
    lasting: false,
  },
  wrong_core: {
    message: 'exporter refused: give CORE_ID the same value in both processes',
    lasting: true,
  },
  wrong_protocol: {
    message: 'exporter refused: update the older of the two processes',
    lasting: true,
  },
  too_many_frames: {
    message: 'exporter refused: more frames than it allows',
    lasting: true,
  },
  replaced: {
    message: 'exporter took another media process: only one may report to it',
    lasting: true,
  },
  retired_boot: {
    message: 'exporter refused: a newer media process reports to it',
    lasting: true,
  },
} as const satisfies Record<CloseReason, Explanation>

const UNAUTHORIZED: Explanation = {
  message:
    'exporter refused: CORE_EXPORTER_TOKEN must be its EXPORTER_INGEST_TOKEN',
  lasting: true,
}

const NO_SUCH_PATH: Explanation = {
  message: 'exporter refused: CORE_EXPORTER_URL must end in /ingest',
  lasting: true,
}

const BUSY: Explanation = {
  message: 'exporter refused for now: it starts, ends or has too many sources',
  lasting: false,
}

const STATUS: ReadonlyMap<number, Explanation> = new Map([
  [401, UNAUTHORIZED],
  [403, UNAUTHORIZED],
  [404, NO_SUCH_PATH],
  [503, BUSY],
])

const OTHER_STATUS: Explanation = {
  message: 'exporter refused: is CORE_EXPORTER_URL its ingest address?',
  lasting: true,
}

/** The connection was closed; `code` as in RFC 6455 section 7.4. */
export function troubleOfClose(code: number, reason: string): Trouble {
  for (const name of Object.keys(REFUSALS).filter(isCloseReason)) {
    if (CLOSE_CODES[name] !== code) continue
    return { ...REFUSALS[name], fields: { code, reason }, refusal: name }
  }
  const message = 'connection to exporter lost'
  return { message, lasting: false, fields: { code, reason } }
}

/** The exporter answered the upgrade request with an HTTP status. */
export function troubleOfStatus(status: number): Trouble {
  return { ...(STATUS.get(status) ?? OTHER_STATUS), fields: { status } }
}

/** There was no connection, or it broke. */
export function troubleOfError(error: Error): Trouble {
  const message = 'exporter cannot be reached; observations wait for it'
  return { message, lasting: false, fields: { error } }
}

/** The exporter did not do `what` within `limitMs`. */
export function troubleOfSilence(what: string, limitMs: number): Trouble {
  const message = 'exporter does not answer; observations wait for it'
  return { message, lasting: false, fields: { what, limitMs } }
}

/** The exporter sent what the protocol does not allow here. */
export function troubleOfProtocol(error: Error): Trouble {
  const message = 'exporter broke the protocol: is it of the same version?'
  return { message, lasting: false, fields: { error } }
}

function isCloseReason(name: string): name is CloseReason {
  return Object.hasOwn(REFUSALS, name)
}
