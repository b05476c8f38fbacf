/**
 * shared/protocol is what the media process and the exporter agree on: this
 * protocol, the metrics catalogue, ids, limits and degraded reasons. It imports
 * nothing. fields.ts reads any JSON from outside.
 *
 * The protocol between the media process (client) and the exporter (server) is
 * JSON text frames over one WebSocket:
 *
 *     media                                 exporter
 *       | hello   core, boot, protocol         |   once, first
 *       |------------------------------------->|
 *       |            welcome   last stored seq |   0: this boot is unknown
 *       |<-------------------------------------|
 *       | batch     seq n+1, cells             |   changes since that seq
 *       |------------------------------------->|
 *       |                        ack   seq n+1 |   applied and stored
 *       |<-------------------------------------|
 *       | snapshot  streams, peers, ports      |   every 5 s and on change
 *       |------------------------------------->|
 *
 * **Exactly once, because values are totals.** Each series that the media
 * process observes has a cell, numbered in order of creation. A batch carries
 * the total of a cell since its creation, never a delta. So a batch may be lost
 * or resent without harm: the exporter takes the newest total of a cell, and
 * after a reconnect the media process resends every cell that changed after the
 * seq in `welcome`. An exporter without state answers 0 and gets all totals of
 * this boot. It gets all totals, too, if it answers a seq that was never sent,
 * or one older than the last ack: its history differs, for example because it
 * ran without its state file for a while.
 *
 * **The exporter exposes** `base + total` for a series. When another cell
 * reports the same series (of a new boot, or of a stream that came back after
 * SERIES_RETENTION_MS), it first adds the total of the old cell to `base`.
 *
 * **Sequence numbers.** `seq` starts at 1 for each boot and grows by one per
 * batch, across reconnects; after a `welcome` it continues from the seq there.
 * At most one batch is unacknowledged at any time.
 *
 * **A media process that is killed** with unacknowledged observations leaves
 * its cells in a file. The next one resumes with them and their numbers, as the
 * same boot. It resends all of them after its first `welcome`, whatever the seq
 * there: totals may arrive twice.
 *
 * **Order.** After `welcome` the media process sends everything unacknowledged,
 * waits for the acks, then sends a snapshot. Later, a snapshot that announces a
 * new stream goes before the batch with its observations, so that its series
 * are exposed at zero first.
 *
 * **Errors.** A malformed frame closes the connection with one of CLOSE_CODES;
 * so does a seq that is not the next one. A well-formed but invalid cell
 * (unknown family, label value outside the catalogue, total that shrinks) is
 * rejected and counted; the rest of its batch is applied.
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
  /** The run of the media process, with the earlier runs that it resumes. */
  readonly boot: BootId
}

/** The cell of a counter: its total since its creation. */
export interface CounterCell {
  /** Number of the cell; a newer cell has a higher number. */
  readonly cell: number
  readonly family: string
  /** Values in the order of the family's labels, without `core`. */
  readonly labels: readonly string[]
  readonly total: number
}

/** The cell of a histogram: its totals since its creation. */
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
  /** Observations since boot, including the lost ones. */
  readonly observed: number
  /** Observations since boot that exceeded a limit and were dropped. */
  readonly lost: number
  readonly cells: readonly Cell[]
}

export interface StreamSnapshot {
  readonly id: StreamId
  /** Whether its process is running, which makes it an active stream. */
  readonly running: boolean
  /**
   * It starts on demand, and nobody watches. Absent: no, or the media process
   * is older.
   */
  readonly asleep?: boolean
  /** Sessions that were answered and have not ended. */
  readonly peers: number
  /** Started, but with a fault, such as a failed leg. */
  readonly degraded: boolean
  /**
   * The worst reason why it is degraded; absent in frames of older media
   * processes. An unknown code is read as `other`.
   */
  readonly degraded_reason?: ShownReason
}

export interface Snapshot {
  readonly kind: 'snapshot'
  /** Every registered stream, running or not. */
  readonly streams: readonly StreamSnapshot[]
  readonly udpPorts: { readonly inUse: number; readonly available: number }
  /**
   * It takes no new viewers, as the operator requested. Absent: no, or the
   * media process is older.
   */
  readonly draining?: boolean
}

/** A frame of the media process. */
export type MediaFrame = Hello | Batch | Snapshot

export interface Welcome {
  readonly kind: 'welcome'
  /** Last stored seq of the boot in `hello`; 0 if there is none. */
  readonly seq: number
}

export interface Ack {
  readonly kind: 'ack'
  readonly seq: number
}

/** A frame of the exporter. */
export type ExporterFrame = Welcome | Ack

/**
 * Why the exporter closes a connection: WebSocket close codes of the private
 * range (RFC 6455 section 7.4.2). Frames over MAX_FRAME_BYTES get 1009, which is
 * the library's.
 */
export const CLOSE_CODES = {
  /** Not JSON, not an object, an unknown kind, a field of the wrong type. */
  malformed: 4400,
  /** A frame other than hello first, a second hello, a wrong seq. */
  out_of_order: 4409,
  /** The CORE_ID of the two processes differs. */
  wrong_core: 4403,
  /** The protocol numbers differ: update the older process. */
  wrong_protocol: 4426,
  /** More than MAX_FRAMES_PER_SECOND. */
  too_many_frames: 4429,
  /** A later connection has sent a hello. */
  replaced: 4410,
  /** The boot was followed by another; its process should have ended. */
  retired_boot: 4411,
} as const

export type CloseReason = keyof typeof CLOSE_CODES

/** A frame that violates the protocol; the message says what was expected. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly reason: CloseReason

  constructor(reason: CloseReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** Whether the cell belongs to a histogram. */
export function isHistogramCell(cell: Cell): cell is HistogramCell {
  return 'buckets' in cell
}

/** Encodes a frame for the wire. */
export function encodeFrame(frame: MediaFrame | ExporterFrame): string {
  return JSON.stringify(frame)
}

/**
 * Reads a frame of the media process.
 * @throws {ProtocolError} `malformed` if `text` is not one
 */
export function decodeMediaFrame(text: string): MediaFrame {
  return readMediaFrame(parse(text))
}

/**
 * Reads a frame of the media process that is already parsed, as in the
 * exporter's state file.
 * @throws {ProtocolError} `malformed` if `value` is not one
 */
export function readMediaFrame(value: unknown): MediaFrame {
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
        ...(frame.flag('draining', false) && { draining: true }),
      }
    default:
      throw malformed(frame.problem('kind', 'hello, batch or snapshot'))
  }
}

/**
 * Reads a frame of the exporter.
 * @throws {ProtocolError} `malformed` if `text` is not one
 */
export function decodeExporterFrame(text: string): ExporterFrame {
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
    ...(stream.flag('asleep', false) && { asleep: true }),
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
