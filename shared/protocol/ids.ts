declare const brand: unique symbol

/** Id of a registered stream: the id of its process, 1 to 128 characters. */
export type StreamId = string & { readonly [brand]: 'StreamId' }

/** Id of one viewer's session: at least 122 random bits, URL-safe. */
export type SessionId = string & { readonly [brand]: 'SessionId' }

/** Id of one run of the media process: a random UUID, made at its start. */
export type BootId = string & { readonly [brand]: 'BootId' }

/**
 * Label value for requests that name no registered stream: a client must not be
 * able to create series.
 */
export const UNKNOWN_STREAM = '_unknown'

/** Label value shared by all streams above EXPORTER_MAX_STREAMS. */
export const OVERFLOW_STREAM = '_overflow'

const STREAM_ID = /^[A-Za-z0-9_.~:@-]{1,128}$/
const SESSION_ID = /^[A-Za-z0-9_-]{22,64}$/
const BOOT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const RESERVED = new Set<string>([UNKNOWN_STREAM, OVERFLOW_STREAM, '.', '..'])

/** Whether `raw` is a stream id, and not a reserved label value. */
export function isStreamId(raw: unknown): raw is StreamId {
  return typeof raw === 'string' && STREAM_ID.test(raw) && !RESERVED.has(raw)
}

/**
 * Parses a stream id.
 * @throws {RangeError} that says what is allowed
 */
export function parseStreamId(raw: unknown): StreamId {
  if (isStreamId(raw)) return raw
  throw new RangeError(
    `Cannot use ${JSON.stringify(raw)} as a stream id: expected 1 to 128 of ` +
      `A-Z a-z 0-9 _ . ~ : @ - and none of ${[...RESERVED].join(' ')}`,
  )
}

/** Whether `raw` has the form of a session id. */
export function isSessionId(raw: unknown): raw is SessionId {
  return typeof raw === 'string' && SESSION_ID.test(raw)
}

/** Whether `raw` has the form of a boot id: a lower-case UUID. */
export function isBootId(raw: unknown): raw is BootId {
  return typeof raw === 'string' && BOOT_ID.test(raw)
}
