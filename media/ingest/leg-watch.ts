/**
 * Whether one leg carries RTP: pure, told what is seen and what time it is.
 * A failure is reported once an episode; RTP that flows again ends it.
 */

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
  /** A live leg without RTP for so long has failed. */
  readonly silenceMs: number
  /** A leg that started and got no RTP for so long has failed. */
  readonly startMs: number
  /** A live video leg without key frame for so long is degraded. */
  readonly keyFrameMs: number
}

/** What changed by an observation. */
export type LegEdge = 'live' | 'failed' | undefined

export class LegWatch {
  readonly #limits: LegLimits
  #state: LegState = { at: 'idle' }
  #sender: 'runs' | 'gone' = 'gone'
  #packets = 0
  #lastPacketMs: number | undefined
  #liveSinceMs = 0
  #lastKeyFrameMs: number | undefined

  constructor(limits: LegLimits) {
    this.#limits = limits
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

  /** Milliseconds since the last RTP packet; undefined before the first. */
  silentMs(nowMs: number): number | undefined {
    return this.#lastPacketMs === undefined
      ? undefined
      : nowMs - this.#lastPacketMs
  }

  /** The sender was started: from here on, silence counts. */
  senderStarted(nowMs: number): void {
    this.#sender = 'runs'
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

  /** So many packets came since the last call. */
  observe(newPackets: number, nowMs: number): LegEdge {
    this.#packets += newPackets
    if (newPackets > 0) this.#lastPacketMs = nowMs
    // What is still counted after the end was sent before it.
    if (this.#sender === 'gone') return undefined
    if (newPackets === 0) return this.#observeSilence(nowMs)
    if (this.#state.at === 'live') return undefined
    this.#state = { at: 'live' }
    this.#liveSinceMs = nowMs
    return 'live'
  }

  keyFrameSeen(nowMs: number): void {
    this.#lastKeyFrameMs = nowMs
  }

  /** Whether packets come, but no key frame: who joins now sees nothing. */
  lacksKeyFrames(nowMs: number): boolean {
    if (this.#state.at !== 'live') return false
    const sinceMs = Math.max(this.#lastKeyFrameMs ?? 0, this.#liveSinceMs)
    return nowMs - sinceMs > this.#limits.keyFrameMs
  }

  #observeSilence(nowMs: number): LegEdge {
    switch (this.#state.at) {
      case 'starting': {
        const waitedMs = nowMs - this.#state.sinceMs
        return waitedMs >= this.#limits.startMs
          ? this.#fail('silent')
          : undefined
      }
      case 'live': {
        const silentMs = this.silentMs(nowMs) ?? 0
        return silentMs >= this.#limits.silenceMs
          ? this.#fail('silent')
          : undefined
      }
      case 'idle':
      case 'failed':
        return undefined
    }
  }

  #fail(cause: LegFailure, detail?: string): LegEdge {
    const hadFailed = this.#state.at === 'failed'
    this.#state = { at: 'failed', cause, detail }
    return hadFailed ? undefined : 'failed'
  }
}
