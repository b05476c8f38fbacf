import type { Kind } from '../../../exporter/probe/outcome.ts'

interface Track {
  packets: number
  /** Extended sequence numbers (RFC 3550 appendix A.1). */
  first: number
  highest: number
}

/** RTP packets of one kind that a viewer received, and that it lost. */
export interface Count {
  readonly packets: number
  readonly lost: number
}

/** A time without packets, in seconds. */
export interface Gap {
  readonly seconds: number
  /** Since the viewer was opened. */
  readonly startedAt: number
}

const SEQUENCE_NUMBERS = 2 ** 16

export const NO_PACKETS: Count = { packets: 0, lost: 0 }
export const NO_GAP: Gap = { seconds: 0, startedAt: 0 }

/** Counts the RTP of one viewer. Pure: time is a parameter, in milliseconds. */
export class Playback {
  /** The kind whose gaps count: video, or audio of a stream without video. */
  readonly #watched: Kind
  readonly #openedMs: number
  readonly #tracks = new Map<Kind, Track>()
  #firstMs: number | undefined
  #lastMs = 0
  #longest = NO_GAP

  constructor(watched: Kind, openedMs: number) {
    this.#watched = watched
    this.#openedMs = openedMs
  }

  /** Counts a packet by its RTP sequence number. */
  receive(kind: Kind, sequence: number, nowMs: number): void {
    const track = this.#tracks.get(kind)
    if (track === undefined) {
      this.#tracks.set(kind, { packets: 1, first: sequence, highest: sequence })
    } else {
      track.packets++
      // Reordered packets are behind the highest, those after a wrap ahead.
      const ahead = (sequence - track.highest) & (SEQUENCE_NUMBERS - 1)
      if (ahead < SEQUENCE_NUMBERS / 2) track.highest += ahead
    }
    if (kind !== this.#watched) return
    this.#firstMs ??= nowMs
    this.#longest = this.longestGap(nowMs)
    this.#lastMs = nowMs
  }

  /**
   * Seconds from opening to the first packet of the watched kind. mediasoup
   * forwards video from a key frame on, so that is the first picture.
   */
  get firstPictureS(): number | undefined {
    if (this.#firstMs === undefined) return undefined
    return (this.#firstMs - this.#openedMs) / 1000
  }

  /** The longest time between packets so far, the present one included. */
  longestGap(nowMs: number): Gap {
    if (this.#firstMs === undefined || this.#lastMs === 0) return this.#longest
    const seconds = (nowMs - this.#lastMs) / 1000
    if (seconds <= this.#longest.seconds) return this.#longest
    return { seconds, startedAt: (this.#lastMs - this.#openedMs) / 1000 }
  }

  count(kind: Kind): Count {
    const track = this.#tracks.get(kind)
    if (track === undefined) return NO_PACKETS
    const expected = track.highest - track.first + 1
    return {
      packets: track.packets,
      lost: Math.max(0, expected - track.packets),
    }
  }
}
