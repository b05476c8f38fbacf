/**
 * The state of one leg: idle, starting, live or failed. Pure, time is a
 * parameter. A failure is reported once per episode, which ends when RTP flows
 * again.
 */
import { PacketIntervals } from './watch/packet-intervals.ts'

/** Why a leg failed. */
export type LegFailure =
  /** The process ended unexpectedly. */
  | 'exit'
  /** The process runs, but no RTP arrives. */
  | 'silent'
  /** A port of the leg could not be bound. */
  | 'bind'
  /** The media worker could not create the leg. */
  | 'worker'
  | 'encoder'
  /** No input has a stream of this kind. */
  | 'no-such-stream'
  /** The copied codec is one that browsers do not play. */
  | 'codec'
  /** RTP of another payload type arrives. */
  | 'payload-type'

/** All times are milliseconds of a monotonic clock. */
type LegState =
  | { readonly at: 'idle' }
  | { readonly at: 'starting'; readonly sinceMs: number }
  | { readonly at: 'live' }
  | {
      readonly at: 'failed'
      readonly cause: LegFailure
      /** The failure in words, if there is more to say than the cause. */
      readonly detail: string | undefined
    }

export interface LegLimits {
  /** A live leg silent for this long has failed, unless packets are rare. */
  readonly silenceTimeoutMs: number
  /** A starting leg without RTP for this long has failed. */
  readonly startTimeoutMs: number
  /** Time between two observations. */
  readonly pollIntervalMs: number
}

/** Packets since the last observation. */
export interface Observation {
  readonly packets: number
  /** Packets of another payload type. */
  readonly unexpected?: number
  /** Whether another leg of the same sender is live. */
  readonly otherIsLive?: boolean
}

/** The transition that a call caused. */
export type LegEdge = 'live' | 'failed' | undefined

/** A leg has this much more time to start if another leg is already live. */
const START_FACTOR_IF_OTHER_LIVE = 1.5
/** Unexpected packets are no longer the cause this long after the last. */
const UNEXPECTED_TIMEOUT_MS = 10_000

export class LegWatch {
  readonly #limits: LegLimits
  readonly #intervals: PacketIntervals
  #state: LegState = { at: 'idle' }
  #senderRuns = false
  #packets = 0
  #lastPacketMs: number | undefined
  /** Unexpected packets since the last expected one. */
  #unexpected: { readonly sinceMs: number; lastMs: number } | undefined

  constructor(limits: LegLimits) {
    this.#limits = limits
    this.#intervals = new PacketIntervals(limits)
  }

  get state(): LegState['at'] {
    return this.#state.at
  }

  get cause(): LegFailure | undefined {
    return this.#state.at === 'failed' ? this.#state.cause : undefined
  }

  get detail(): string | undefined {
    return this.#state.at === 'failed' ? this.#state.detail : undefined
  }

  get packets(): number {
    return this.#packets
  }

  /** How long a live leg may be silent. */
  get silenceTimeoutMs(): number {
    return this.#intervals.silenceTimeoutMs(this.#limits.silenceTimeoutMs)
  }

  /** Milliseconds since the last RTP packet; undefined before the first. */
  silentMs(nowMs: number): number | undefined {
    return this.#lastPacketMs === undefined
      ? undefined
      : nowMs - this.#lastPacketMs
  }

  /** The sender was started: RTP is expected from here on. */
  senderStarted(nowMs: number): void {
    this.#senderRuns = true
    this.#intervals.begin()
    this.#unexpected = undefined
    // A failed leg stays failed until RTP flows: a retry is no new episode.
    if (this.#state.at !== 'failed') {
      this.#state = { at: 'starting', sinceMs: nowMs }
    }
  }

  /** The sender was stopped intentionally. */
  senderStopped(): void {
    this.#senderRuns = false
    if (this.#state.at !== 'failed') this.#state = { at: 'idle' }
  }

  /** The sender ended unexpectedly, or could not be started. */
  senderFailed(cause: LegFailure, detail?: string): LegEdge {
    this.#senderRuns = false
    return this.#fail(cause, detail)
  }

  observe(observation: Observation, nowMs: number): LegEdge {
    const { packets, unexpected = 0 } = observation
    this.#packets += packets
    if (packets > 0) {
      this.#lastPacketMs = nowMs
      this.#unexpected = undefined
    } else if (unexpected > 0) {
      this.#unexpected ??= { sinceMs: nowMs, lastMs: nowMs }
      this.#unexpected.lastMs = nowMs
    }
    // Packets counted after the sender ended were sent before.
    if (!this.#senderRuns) return undefined
    if (packets === 0) return this.#observeSilence(observation, nowMs)
    this.#intervals.arrived(nowMs)
    if (this.#state.at === 'live') return undefined
    this.#state = { at: 'live' }
    return 'live'
  }

  #observeSilence({ otherIsLive }: Observation, nowMs: number): LegEdge {
    const { silenceTimeoutMs, startTimeoutMs } = this.#limits
    const isUnexpected = this.#isUnexpected()
    switch (this.#state.at) {
      case 'starting': {
        if (isUnexpected) return this.#fail('payload-type')
        const timeoutMs = otherIsLive
          ? START_FACTOR_IF_OTHER_LIVE * startTimeoutMs
          : startTimeoutMs
        const waitedMs = nowMs - this.#state.sinceMs
        return waitedMs >= timeoutMs ? this.#fail('silent') : undefined
      }
      case 'live': {
        const silentMs = this.silentMs(nowMs) ?? 0
        if (isUnexpected && silentMs >= silenceTimeoutMs) {
          return this.#fail('payload-type')
        }
        return silentMs >= this.silenceTimeoutMs
          ? this.#fail('silent')
          : undefined
      }
      case 'failed':
        this.#updateCause(this.#state.cause, nowMs)
        return undefined
      case 'idle':
        return undefined
    }
  }

  /** Whether unexpected packets have arrived for too long to be strays. */
  #isUnexpected(): boolean {
    if (this.#unexpected === undefined) return false
    const { sinceMs, lastMs } = this.#unexpected
    return lastMs - sinceMs >= this.#limits.silenceTimeoutMs / 2
  }

  /** Updates the cause if unexpected packets have started or ended since. */
  #updateCause(cause: LegFailure, nowMs: number): void {
    if (cause === 'silent' && this.#isUnexpected()) {
      this.#fail('payload-type')
    } else if (
      cause === 'payload-type' &&
      nowMs - (this.#unexpected?.lastMs ?? 0) > UNEXPECTED_TIMEOUT_MS
    ) {
      this.#unexpected = undefined
      this.#fail('silent')
    }
  }

  #fail(cause: LegFailure, detail?: string): LegEdge {
    const isNew = this.#state.at !== 'failed'
    this.#state = { at: 'failed', cause, detail }
    if (!isNew) return undefined
    this.#intervals.failed()
    return 'failed'
  }
}
