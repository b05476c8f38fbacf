/**
 * Whether one leg carries RTP: pure, told what is seen and what time it is.
 * A failure is reported once an episode; RTP that flows again ends it.
 */
import { Rhythm } from './watch/packet-intervals.ts'

/** Why a leg failed. */
export type LegFailure =
  /** The process ended and nobody asked for it. */
  | 'exit'
  /** The process runs, but no RTP comes. */
  | 'silent'
  /** A port of the leg could not be taken. */
  | 'bind'
  /** No media worker made the leg. */
  | 'worker'
  | 'encoder'
  /** No input has a stream of this kind. */
  | 'no-such-stream'
  /** What is copied is of a codec that browsers do not play. */
  | 'codec'
  /** RTP of another payload type comes. */
  | 'payload-type'

/** All times are in milliseconds of a clock that never goes back. */
type LegState =
  | { readonly at: 'idle' }
  | { readonly at: 'starting'; readonly sinceMs: number }
  | { readonly at: 'live' }
  | {
      readonly at: 'failed'
      readonly cause: LegFailure
      /** The cause in words, where it has words of its own. */
      readonly detail: string | undefined
    }

export interface LegLimits {
  /** A live leg without RTP for so long has failed, unless it is slow. */
  readonly silenceMs: number
  /** A leg that started and got no RTP for so long has failed. */
  readonly startMs: number
  /** Time between two observations. */
  readonly observeEveryMs: number
}

/** What came since the last observation. */
export interface Observed {
  readonly packets: number
  /** Packets of another payload type. */
  readonly foreign?: number
  /** Whether another leg of the same sender is live. */
  readonly otherIsLive?: boolean
}

/** What changed by an observation. */
export type LegEdge = 'live' | 'failed' | undefined

/** A leg gets so much longer to start where another leg is live already. */
const PATIENCE_WITH_OTHER = 1.5
/** Foreign packets that ended so long ago are no cause any more. */
const FOREIGN_IS_OVER_MS = 10_000

export class LegWatch {
  readonly #limits: LegLimits
  readonly #rhythm: Rhythm
  #state: LegState = { at: 'idle' }
  #sender: 'runs' | 'gone' = 'gone'
  #packets = 0
  #lastPacketMs: number | undefined
  /** Foreign packets since the last of our own. */
  #foreign: { readonly sinceMs: number; lastMs: number } | undefined

  constructor(limits: LegLimits) {
    this.#limits = limits
    this.#rhythm = new Rhythm({ lookEveryMs: limits.observeEveryMs })
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

  /** How long a live leg may say nothing. */
  get patienceMs(): number {
    return this.#rhythm.patienceMs(this.#limits.silenceMs)
  }

  /** Milliseconds since the last RTP packet; undefined before the first. */
  silentMs(nowMs: number): number | undefined {
    return this.#lastPacketMs === undefined
      ? undefined
      : nowMs - this.#lastPacketMs
  }

  /** The sender was started: from here on, silence counts. */
  senderStarted(nowMs: number): void {
    this.#sender = 'runs'
    this.#rhythm.begin()
    this.#foreign = undefined
    // A leg that failed stays so until RTP flows: no new episode.
    if (this.#state.at !== 'failed') {
      this.#state = { at: 'starting', sinceMs: nowMs }
    }
  }

  /** The sender is gone, by an operator's wish. */
  senderStopped(): void {
    this.#sender = 'gone'
    if (this.#state.at !== 'failed') this.#state = { at: 'idle' }
  }

  /** The sender is gone, or cannot be started, because of `cause`. */
  senderFailed(cause: LegFailure, detail?: string): LegEdge {
    this.#sender = 'gone'
    return this.#fail(cause, detail)
  }

  observe(observed: Observed, nowMs: number): LegEdge {
    const { packets, foreign = 0 } = observed
    this.#packets += packets
    if (packets > 0) {
      this.#lastPacketMs = nowMs
      this.#foreign = undefined
    } else if (foreign > 0) {
      this.#foreign ??= { sinceMs: nowMs, lastMs: nowMs }
      this.#foreign.lastMs = nowMs
    }
    // What is still counted after the end was sent before it.
    if (this.#sender === 'gone') return undefined
    if (packets === 0) return this.#observeSilence(observed, nowMs)
    this.#rhythm.arrived(nowMs)
    if (this.#state.at === 'live') return undefined
    this.#state = { at: 'live' }
    return 'live'
  }

  #observeSilence({ otherIsLive }: Observed, nowMs: number): LegEdge {
    const { silenceMs, startMs } = this.#limits
    const isForeign = this.#isForeign()
    switch (this.#state.at) {
      case 'starting': {
        if (isForeign) return this.#fail('payload-type')
        const limitMs = otherIsLive ? PATIENCE_WITH_OTHER * startMs : startMs
        const waitedMs = nowMs - this.#state.sinceMs
        return waitedMs >= limitMs ? this.#fail('silent') : undefined
      }
      case 'live': {
        const silentMs = this.silentMs(nowMs) ?? 0
        if (isForeign && silentMs >= silenceMs) {
          return this.#fail('payload-type')
        }
        return silentMs >= this.patienceMs ? this.#fail('silent') : undefined
      }
      case 'failed':
        this.#reconsider(this.#state.cause, nowMs)
        return undefined
      case 'idle':
        return undefined
    }
  }

  /** Whether foreign packets have come for long enough to be no stray ones. */
  #isForeign(): boolean {
    if (this.#foreign === undefined) return false
    const { sinceMs, lastMs } = this.#foreign
    return lastMs - sinceMs >= this.#limits.silenceMs / 2
  }

  /** What comes now may tell more of why nothing came. */
  #reconsider(cause: LegFailure, nowMs: number): void {
    if (cause === 'silent' && this.#isForeign()) {
      this.#fail('payload-type')
    } else if (
      cause === 'payload-type' &&
      nowMs - (this.#foreign?.lastMs ?? 0) > FOREIGN_IS_OVER_MS
    ) {
      this.#foreign = undefined
      this.#fail('silent')
    }
  }

  #fail(cause: LegFailure, detail?: string): LegEdge {
    const isNew = this.#state.at !== 'failed'
    this.#state = { at: 'failed', cause, detail }
    if (!isNew) return undefined
    this.#rhythm.lost()
    return 'failed'
  }
}
