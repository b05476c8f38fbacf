import type { Forwarded } from '../rtp/rtp-rewriter.ts'

const SLOT = {
  packets: 0,
  unexpected: 1,
  unexpectedType: 2,
  sequence: 3,
  timestamp: 4,
  atMs: 5,
} as const
const SLOTS = 6

/** Of this thread's clock; read once, because it is needed for every packet. */
const { timeOrigin } = performance

/**
 * Counts of a relay, in memory that both threads share: the relay thread
 * writes, the main thread reads. It survives the relay thread, so that the
 * next one continues the counts and the RTP. A 64-bit machine reads and writes
 * each slot whole.
 */
export class RelayCounters {
  readonly buffer: SharedArrayBuffer
  readonly #slots: Float64Array

  constructor(
    buffer = new SharedArrayBuffer(SLOTS * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.buffer = buffer
    this.#slots = new Float64Array(buffer)
  }

  /** Number of packets forwarded since the relay was opened. */
  get packets(): number {
    return this.#slots[SLOT.packets] ?? 0
  }

  /** Number of packets of another payload type than the leg's, and the last. */
  get unexpected(): UnexpectedRtp {
    return {
      packets: this.#slots[SLOT.unexpected] ?? 0,
      payloadType: this.#slots[SLOT.unexpectedType] ?? 0,
    }
  }

  /**
   * The last packet in order, at a time of this thread's clock; undefined
   * before the first.
   */
  get lastForwarded(): Forwarded | undefined {
    const { sequence, timestamp, atMs } = SLOT
    const sinceEpochMs = this.#slots[atMs] ?? 0
    if (sinceEpochMs === 0) return undefined
    return {
      sequence: this.#slots[sequence] ?? 0,
      timestamp: this.#slots[timestamp] ?? 0,
      atMs: sinceEpochMs - timeOrigin,
    }
  }

  /** @param last the last packet in order */
  countForwarded(last: Forwarded | undefined): void {
    this.#slots[SLOT.packets] = this.packets + 1
    if (last === undefined) return
    this.#slots[SLOT.sequence] = last.sequence
    this.#slots[SLOT.timestamp] = last.timestamp
    this.#slots[SLOT.atMs] = timeOrigin + last.atMs
  }

  countUnexpected(payloadType: number): void {
    this.#slots[SLOT.unexpected] = this.unexpected.packets + 1
    this.#slots[SLOT.unexpectedType] = payloadType
  }
}

/** RTP of a payload type other than the leg's. */
export interface UnexpectedRtp {
  readonly packets: number
  /** Of the last packet. */
  readonly payloadType: number
}
