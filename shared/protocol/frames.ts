/**
 * The protocol between the media process (client) and the exporter (server):
 * JSON text frames over one WebSocket.
 *
 *     media                                 exporter
 *       | hello   core, boot, protocol         |   once, first
 *       |------------------------------------->|
 *       |              welcome   last seq kept |   0: knows nothing of this boot
 *       |<-------------------------------------|
 *       | batch     seq n+1, cells             |   what changed since that seq
 *       |------------------------------------->|
 *       |                        ack   seq n+1 |   applied, and kept
 *       |<-------------------------------------|
 *       | snapshot  streams, peers, ports      |   every 5 s and on change
 *       |------------------------------------->|
 *
 * **Exactly once, by values that are totals.** Each series that the media
 * process observes has a cell, numbered in the order of creation. A batch
 * carries the cell's total since it was made, never a delta. So a batch may
 * be lost or sent again without harm: the exporter takes the newest total of
 * a cell, and after a reconnect the media process sends every cell that
 * changed after the seq in `welcome`. An exporter that forgot everything
 * answers 0 and gets all totals of this boot; so does one that answers a seq
 * that was never sent, or one older than the last ack: it has another history,
 * as with a state file that was left out for a while, and vouches for nothing.
 *
 * **What the exporter shows** for a series is `base + total`. When another
 * cell reports the same series (a new boot, or a stream that was removed for
 * longer than SERIES_RETENTION_MS and came back), the old cell's total is
 * added to `base` first.
 *
 * **Numbers.** `seq` starts at 1 for each boot and grows by one per batch,
 * also over reconnects; after a `welcome` it goes on from the seq there.
 * At most one batch is without its ack at any time.
 *
 * **A media process that is killed** while something is owed leaves its cells
 * in a file, and the next one carries on with them and their numbers, as the
 * same boot. It tells all of them again after its first `welcome`, whatever
 * the seq there: totals may be told twice.
 *
 * **Order.** After `welcome` the media process sends what is owed, until all
 * of it is acknowledged, then a snapshot. Later, a snapshot that tells of a
 * new stream goes before the batch that tells of its observations, so its
 * series are seen at zero first.
 *
 * **Errors.** A frame that is not of this form closes the connection with one
 * of CLOSE_CODES; so does a seq that is not the next one. A cell that is
 * well-formed but not acceptable (unknown family, label value outside the
 * catalogue, total that shrinks) is refused and counted by itself; the rest
 * of its batch counts.
 */
import { isDegradedReason, OTHER_REASON, type ShownReason } from './degraded.ts'
import { Fields, type FieldProblem } from './fields.ts'
import { isBootId, isStreamId, type BootId, type StreamId } from './ids.ts'
import {
  MAX_CELLS_PER_BATCH,
  MAX_FRAME_BYTES,
  MAX_STREAMS_PER_SNAPSHOT,
} from './limits.ts'

export const PROTOCOL = 1

/** Maximum length of CORE_ID, a family name or a code, characters. */
const MAX_TEXT = 256

/** Path of the WebSocket on the exporter's ingest address. */
export const INGEST_PATH = '/ingest'

export interface Hello {
  readonly kind: 'hello'
  readonly protocol: number
  /** CORE_ID of the media process. */
  readonly core: string
  /**
   * A life of the media process, with those before it of which it carries on
   * the cells.
   */
  readonly boot: BootId
}

/** A counter's cell: its total since it was made. */
export interface CounterCell {
  /** Number of the cell; a later cell has a higher number. */
  readonly cell: number
  readonly family: string
  /** Values in the order of the family's labels, without `core`. */
  readonly labels: readonly string[]
  readonly total: number
}

/** A histogram's cell: its totals since it was made. */
export interface HistogramCell {
  readonly cell: number
  readonly family: string
  readonly labels: readonly string[]
  /** Observations per bucket, not cumulative; the last one is `+Inf`. */
  readonly buckets: readonly number[]
  readonly sum: number
}

export type Cell = CounterCell | HistogramCell

export interface Batch {
  readonly kind: 'batch'
  readonly seq: number
  /** Observations reported since boot, with the lost ones. */
  readonly observed: number
  /** Observations since boot that a bound made the media process drop. */
  readonly lost: number
  readonly cells: readonly Cell[]
}

export interface StreamSnapshot {
  readonly id: StreamId
  /** Whether its process is running: then it counts as an active stream. */
  readonly running: boolean
  /** Sessions whose answer was sent and that have not ended. */
  readonly peers: number
  /** Started, but viewers see less than they should: a leg failed, say. */
  readonly degraded: boolean
  /**
   * The worst reason why it is degraded. Frames of older media processes have
   * none; a code that is not known here is read as `other`.
   */
  readonly degraded_reason?: ShownReason
}

export interface Snapshot {
  readonly kind: 'snapshot'
  /** Every registered stream, running or not. */
  readonly streams: readonly StreamSnapshot[]
  readonly udpPorts: { readonly inUse: number; readonly available: number }
}

/** What the media process sends. */
export type SourceFrame = Hello | Batch | Snapshot

export interface Welcome {
  readonly kind: 'welcome'
  /** Last seq kept of the boot in `hello`; 0 when there is none. */
  readonly seq: number
}

export interface Ack {
  readonly kind: 'ack'
  readonly seq: number
}

/** What the exporter sends. */
export type SinkFrame = Welcome | Ack

/**
 * Why the exporter closes a connection, as WebSocket close codes of the
 * private range (RFC 6455 section 7.4.2), beside the library's own 1009 for
 * frames over MAX_FRAME_BYTES.
 */
export const CLOSE_CODES = {
  /** Not JSON, not an object, no such kind, a field of the wrong type. */
  malformed: 4400,
  /** A frame other than hello first, a second hello, a wrong seq. */
  out_of_order: 4409,
  /** CORE_ID of the two processes differ. */
  wrong_core: 4403,
  /** The protocol number is not ours: update the older process. */
  wrong_protocol: 4426,
  /** More than MAX_FRAMES_PER_SECOND. */
  too_many_frames: 4429,
  /** Another connection has said hello after this one. */
  replaced: 4410,
  /** This boot was followed by another; its process should be gone. */
  retired_boot: 4411,
} as const

export type CloseReason = keyof typeof CLOSE_CODES

/** A frame that is not of the protocol. The message says what was expected. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly reason: CloseReason

  constructor(reason: CloseReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** Whether the cell is a histogram's. */
export function isHistogramCell(cell: Cell): cell is HistogramCell {
  return 'buckets' in cell
}

/** The frame as the text that goes over the wire. */
export function encodeFrame(frame: SourceFrame | SinkFrame): string {
  return JSON.stringify(frame)
}

/**
 * Reads a frame of the media process.
 * @throws {ProtocolError} `malformed` if `text` is not one
 */
export function decodeSourceFrame(text: string): SourceFrame {
  return readSourceFrame(parse(text))
}

/**
 * Reads a frame of the media process that is already parsed, as in the
 * exporter's state file.
 * @throws {ProtocolError} `malformed` if `value` is not one
 */
export function readSourceFrame(value: unknown): SourceFrame {
  const frame = frameOf(value)
  switch (frame.raw('kind')) {
    case 'hello':
      return {
        kind: 'hello',
        protocol: frame.count('protocol'),
        core: frame.text('core', MAX_TEXT),
        boot: readBoot(frame),
      }
    case 'batch':
      return {
        kind: 'batch',
        seq: frame.count('seq'),
        observed: frame.count('observed'),
        lost: frame.count('lost'),
        cells: frame.objects('cells', readCell, { max: MAX_CELLS_PER_BATCH }),
      }
    case 'snapshot':
      return {
        kind: 'snapshot',
        streams: frame.objects('streams', readStream, {
          max: MAX_STREAMS_PER_SNAPSHOT,
        }),
        udpPorts: readUdpPorts(frame),
      }
    default:
      throw malformed(frame.problem('kind', 'hello, batch or snapshot'))
  }
}

/**
 * Reads a frame of the exporter.
 * @throws {ProtocolError} `malformed` if `text` is not one
 */
export function decodeSinkFrame(text: string): SinkFrame {
  const frame = frameOf(parse(text))
  switch (frame.raw('kind')) {
    case 'welcome':
      return { kind: 'welcome', seq: frame.count('seq') }
    case 'ack':
      return { kind: 'ack', seq: frame.count('seq') }
    default:
      throw malformed(frame.problem('kind', 'welcome or ack'))
  }
}

function malformed({ field, expected, got = '' }: FieldProblem) {
  const what = field === '' ? 'the frame' : field
  return new ProtocolError(
    'malformed',
    `Cannot read frame: expected ${what} to be ${expected}, got ${got}`,
  )
}

function parse(text: string): unknown {
  if (text.length > MAX_FRAME_BYTES) {
    throw new ProtocolError(
      'malformed',
      `Cannot read frame: it has ${text.length} characters, ` +
        `limit is ${MAX_FRAME_BYTES}`,
    )
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ProtocolError('malformed', 'Cannot read frame: not JSON', {
      cause,
    })
  }
}

function frameOf(value: unknown): Fields {
  return Fields.of(value, '', problem => {
    throw malformed(problem)
  })
}

function readBoot(frame: Fields): BootId {
  const boot = frame.raw('boot')
  if (isBootId(boot)) return boot
  throw malformed(frame.problem('boot', 'a lower-case UUID'))
}

function readCell(cell: Fields): Cell {
  const head = {
    cell: cell.count('cell'),
    family: cell.text('family', MAX_TEXT),
    labels: cell.list('labels', readLabel, { max: 8 }),
  }
  if (cell.raw('buckets') === undefined) {
    return { ...head, total: cell.count('total') }
  }
  const buckets = cell.list('buckets', readBucket, { max: 64 })
  return { ...head, buckets, sum: cell.number('sum', 0) }
}

function readLabel(labels: Fields, index: number): string {
  return labels.text(index)
}

function readBucket(buckets: Fields, index: number): number {
  return buckets.count(index)
}

function readStream(stream: Fields): StreamSnapshot {
  const id = stream.raw('id')
  if (!isStreamId(id)) throw malformed(stream.problem('id', 'a stream id'))
  const reason = readDegradedReason(stream)
  return {
    id,
    running: stream.flag('running'),
    peers: stream.count('peers'),
    degraded: stream.flag('degraded'),
    ...(reason !== undefined && { degraded_reason: reason }),
  }
}

function readDegradedReason(stream: Fields): ShownReason | undefined {
  if (stream.raw('degraded_reason') === undefined) return undefined
  const code = stream.text('degraded_reason', MAX_TEXT)
  return isDegradedReason(code) ? code : OTHER_REASON
}

function readUdpPorts(frame: Fields): Snapshot['udpPorts'] {
  const ports = frame.object('udpPorts')
  return { inUse: ports.count('inUse'), available: ports.count('available') }
}
