import { FieldError, Fields } from '../../shared/protocol/fields.ts'
import { readMediaFrame, type Batch } from '../../shared/protocol/frames.ts'
import {
  isBootId,
  isStreamId,
  type BootId,
  type StreamId,
} from '../../shared/protocol/ids.ts'
import { isRejection, type Rejection } from './rejections.ts'

/**
 * One change of the ledger. The state file is a list of entries: applied in
 * the same order to the same ledger they give the same ledger. Their names are
 * on disk and must not change.
 */
export type LedgerEntry =
  /** EXPORTER_MAX_STREAMS, at the first start and when it has changed. */
  | { readonly kind: 'limit'; readonly maxStreams: number }
  /** A hello of a new boot of the media process. */
  | { readonly kind: 'boot'; readonly boot: BootId }
  | {
      readonly kind: 'batch'
      readonly boot: BootId
      /** Whether a snapshot preceded it on the same connection. */
      readonly live: boolean
      readonly batch: Batch
    }
  /** A snapshot changed the set of registered streams. */
  | {
      readonly kind: 'streams'
      readonly atMs: number
      readonly came: readonly StreamId[]
      readonly gone: readonly StreamId[]
    }
  /** Removed streams whose retention time is over. */
  | { readonly kind: 'expired'; readonly streams: readonly StreamId[] }
  /** A frame was rejected. */
  | { readonly kind: 'refused'; readonly reason: Rejection }

/**
 * Reads an entry of the state file.
 * @throws {FieldError | ProtocolError} if `raw` is not an entry
 */
export function readEntry(raw: unknown): LedgerEntry {
  const fields = Fields.of(raw)
  const kind = fields.raw('kind')
  switch (kind) {
    case 'limit':
      return { kind, maxStreams: fields.count('maxStreams') }
    case 'boot':
      return { kind, boot: readBootId(fields, 'boot') }
    case 'batch': {
      const batch = readMediaFrame(fields.raw('batch'))
      if (batch.kind !== 'batch') throw unreadable(fields, 'batch', 'a batch')
      const live = fields.raw('live') === true
      return { kind, boot: readBootId(fields, 'boot'), live, batch }
    }
    case 'streams':
      return {
        kind,
        atMs: fields.count('atMs'),
        came: fields.list('came', readStreamId),
        gone: fields.list('gone', readStreamId),
      }
    case 'expired':
      return { kind, streams: fields.list('streams', readStreamId) }
    case 'refused': {
      const reason = fields.raw('reason')
      if (isRejection(reason)) return { kind, reason }
      throw unreadable(fields, 'reason', 'a reason of a rejection')
    }
    default:
      throw unreadable(fields, 'kind', 'the kind of an entry')
  }
}

/** Reads a boot id. @throws {FieldError} */
export function readBootId(fields: Fields, key: string | number): BootId {
  const value = fields.raw(key)
  if (isBootId(value)) return value
  throw unreadable(fields, key, 'a boot id')
}

/** Reads a stream id. @throws {FieldError} */
export function readStreamId(fields: Fields, key: string | number): StreamId {
  const value = fields.raw(key)
  if (isStreamId(value)) return value
  throw unreadable(fields, key, 'a stream id')
}

/** The error for a field of the state file that is not as `expected`. */
export function unreadable(
  fields: Fields,
  key: string | number,
  expected: string,
): FieldError {
  return new FieldError(fields.problem(key, expected))
}
