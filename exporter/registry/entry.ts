import { readSourceFrame, type Batch } from '../../shared/frames.ts'
import {
  isBootId,
  isStreamId,
  type BootId,
  type StreamId,
} from '../../shared/ids.ts'
import { isRefusal, type Refusal } from './refusals.ts'

/**
 * One change of the ledger. Entries are what the state file is made of:
 * applied in the same order to the same ledger they give the same ledger.
 */
export type Entry =
  /** The setting EXPORTER_MAX_STREAMS, at the start and when it changed. */
  | { readonly kind: 'limit'; readonly maxStreams: number }
  /** Another life of the media process than before said hello. */
  | { readonly kind: 'boot'; readonly boot: BootId }
  | {
      readonly kind: 'batch'
      readonly boot: BootId
      /** Whether a snapshot came before it on the same connection. */
      readonly live: boolean
      readonly batch: Batch
    }
  /** What a snapshot changed among the registered streams. */
  | {
      readonly kind: 'streams'
      readonly atMs: number
      readonly came: readonly StreamId[]
      readonly gone: readonly StreamId[]
    }
  /** Streams that were removed for longer than their series are kept. */
  | { readonly kind: 'expired'; readonly streams: readonly StreamId[] }
  /** A frame that was refused. */
  | { readonly kind: 'refused'; readonly reason: Refusal }

/**
 * Reads an entry of the state file.
 * @throws {RangeError | ProtocolError} when `raw` is none
 */
export function readEntry(raw: unknown): Entry {
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
      if (!isRefusal(reason)) throw unreadable('reason', reason)
      return { kind, reason }
    }
    default:
      throw unreadable('kind', kind)
  }
}

export type Fields = Readonly<Record<string, unknown>>

/** `raw` as an object. @throws {RangeError} when it is none */
export function fieldsOf(raw: unknown): Fields {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    return { ...raw }
  }
  throw unreadable('an object', raw)
}

/** A whole number from 0. @throws {RangeError} when it is none */
export function count(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
    return value
  }
  throw unreadable(name, value)
}

/** A list. @throws {RangeError} when it is none */
export function listOf(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name]
  if (Array.isArray(value)) return value
  throw unreadable(name, value)
}

/** A boot id. @throws {RangeError} when it is none */
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

/** The error for a field of the state file that is not as it should be. */
export function unreadable(name: string, value: unknown): RangeError {
  const seen = (JSON.stringify(value) as string | undefined) ?? 'nothing'
  return new RangeError(`Cannot read ${name}: got ${seen.slice(0, 80)}`)
}
