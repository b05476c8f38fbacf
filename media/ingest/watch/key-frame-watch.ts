/**
 * Whether key frames come often enough: a new viewer sees nothing before one.
 * Pure, time is a parameter.
 */
import type { Fault } from '../fault.ts'

export interface KeyFrameOptions {
  /** Without a key frame for this long, new viewers see nothing. */
  readonly missingMs: number
  /** Whether the source decides how far apart key frames are. */
  readonly checksSpacing: boolean
  /** A possible cause, appended to the message that there are none. */
  readonly hint: string
  readonly advice: string
}

/** Hysteresis; slightly over 5 s, so that a spacing of exactly 5 s is fine. */
const SPARSE_MS = { from: 5_500, until: 5_000 } as const
/** The first packets are counted up to this long after they arrive. */
const MAX_COUNT_DELAY_MS = 1_000
/** A key frame is missing once it is later than this times the last spacing. */
const LATE_FACTOR = 1.5

export class KeyFrameWatch {
  readonly #options: KeyFrameOptions
  #timestamp: number | undefined
  #lastMs: number | undefined
  #sinceMs = 0
  /** Time between the last two key frames; 0: not known. */
  #spacingMs = 0
  #isSparse = false

  constructor(options: KeyFrameOptions) {
    this.#options = options
  }

  /** The leg went live: key frames are expected from here on. */
  begin(nowMs: number): void {
    const lastMs = this.#lastMs ?? -Infinity
    this.#sinceMs = nowMs - lastMs < MAX_COUNT_DELAY_MS ? lastMs : nowMs
  }

  /** Records a packet of the key frame with this RTP timestamp. */
  observe(timestamp: number, nowMs: number): void {
    if (timestamp === this.#timestamp) return
    this.#timestamp = timestamp
    const lastMs = this.#lastMs ?? -Infinity
    // Time during which nothing was sent is not a spacing.
    this.#spacingMs = lastMs < this.#sinceMs ? 0 : nowMs - lastMs
    this.#lastMs = nowMs
  }

  /** @param silenceTimeoutMs how long the leg may send nothing at all */
  fault(nowMs: number, silenceTimeoutMs: number): Fault | undefined {
    const { missingMs, checksSpacing, hint, advice } = this.#options
    const ageMs = nowMs - Math.max(this.#lastMs ?? 0, this.#sinceMs)
    const lateMs = LATE_FACTOR * this.#spacingMs
    if (ageMs > Math.max(missingMs, silenceTimeoutMs, lateMs)) {
      const message = `no key frame for ${seconds(ageMs)} s${hint}`
      return { reason: 'no-key-frames', message }
    }
    const apartMs = Math.max(ageMs, this.#spacingMs)
    const limitMs = this.#isSparse ? SPARSE_MS.until : SPARSE_MS.from
    this.#isSparse =
      checksSpacing && apartMs > Math.max(limitMs, silenceTimeoutMs)
    if (!this.#isSparse) return undefined
    const message =
      `key frames are ${seconds(apartMs)} s apart, and a new viewer waits ` +
      `for one; ${advice}`
    return { reason: 'sparse-key-frames', message }
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000)
}
