import { readSourceFrame, type Batch } from '../../shared/protocol/frames.ts'
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
  /** A new boot of the media process said hello. */
  | { readonly kind: 'boot'; readonly boot: BootId }
  | {
      readonly kind: 'batch'
      readonly boot: BootId
      /** Whether a snapshot came before it on the same connection. */
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
  /** Streams whose series have been kept long enough after their removal. */
  | { readonly kind: 'expired'; readonly streams: readonly StreamId[] }
  /** A frame was rejected. */
  | { readonly kind: 'refused'; readonly reason: Rejection }

/**
 * Reads an entry of the state file.
 * @throws {RangeError | ProtocolError} if `raw` is not an entry
 */
export function readEntry(raw: unknown): LedgerEntry {
  const fields = fieldsOf(raw)
  const { kind } = fields
  switch (kind) {
    case 'limit':
      return { kind, maxStreams: count(fields, 'maxStreams') }
    case 'boot':
      return { kind, boot: bootId(fields['boot']) }
    case 'batch': {
      const batch = readSourceFrame(fields['batch'])
      if (batch.kind !== 'batch') throw unreadable('batch', batch.kind)
      const live = fields['live'] === true
      return { kind, boot: bootId(fields['boot']), live, batch }
    }
    case 'streams':
      return {
        kind,
        atMs: count(fields, 'atMs'),
        came: streamIds(fields, 'came'),
        gone: streamIds(fields, 'gone'),
      }
    case 'expired':
      return { kind, streams: streamIds(fields, 'streams') }
    case 'refused': {
      const { reason } = fields
      if (!isRejection(reason)) throw unreadable('reason', reason)
      return { kind, reason }
    }
    default:
      throw unreadable('kind', kind)
  }
}

export type Fields = Readonly<Record<string, unknown>>

/** Reads an object. @throws {RangeError} */
export function fieldsOf(raw: unknown): Fields {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    return { ...raw }
  }
  throw unreadable('an object', raw)
}

/** Reads a whole number from 0. @throws {RangeError} */
export function count(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
    return value
  }
  throw unreadable(name, value)
}

/** Reads a list. @throws {RangeError} */
export function listOf(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name]
  if (Array.isArray(value)) return value
  throw unreadable(name, value)
}

/** Reads a boot id. @throws {RangeError} */
export function bootId(value: unknown): BootId {
  if (isBootId(value)) return value
  throw unreadable('boot', value)
}

function streamIds(fields: Fields, name: string): readonly StreamId[] {
  return listOf(fields, name).map(id => {
    if (isStreamId(id)) return id
    throw unreadable(name, id)
  })
}

/** The error for a field of the state file that cannot be read. */
export function unreadable(name: string, value: unknown): RangeError {
  const seen = (JSON.stringify(value) as string | undefined) ?? 'nothing'
  return new RangeError(`Cannot read ${name}: got ${seen.slice(0, 80)}`)
}
