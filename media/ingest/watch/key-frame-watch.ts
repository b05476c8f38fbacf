/**
 * Whether key frames come as often as viewers need: who joins waits for one.
 * Pure, told what is seen and what time it is.
 */
import type { Fault } from '../fault.ts'

export interface KeyFrameOptions {
  /** Without any for so long, who joins sees nothing. */
  readonly missingMs: number
  /** Whether somebody else decides how far apart they are. */
  readonly judgesGaps: boolean
  /** What may be the cause when there are none. */
  readonly hint: string
  readonly advice: string
}

/** Further apart is too far; a bit more, so that just as far is not. */
const SPARSE_MS = { from: 5_500, until: 5_000 } as const
const COUNTED_LATE_MS = 1_000
/** As long as one may be late, it is not missing. */
const LATE = 1.5

export class KeyFrameWatch {
  readonly #options: KeyFrameOptions
  #timestamp: number | undefined
  #lastMs: number | undefined
  #sinceMs = 0
  /** From the one before to the last; 0: not known. */
  #gapMs = 0
  #isSparse = false

  constructor(options: KeyFrameOptions) {
    this.#options = options
  }

  /** The leg went live: from here on, they are waited for. */
  begin(nowMs: number): void {
    const lastMs = this.#lastMs ?? -Infinity
    // The first packets are counted a bit after they came.
    this.#sinceMs = nowMs - lastMs < COUNTED_LATE_MS ? lastMs : nowMs
  }

  /** A packet of a key frame with that RTP timestamp came. */
  seen(timestamp: number, nowMs: number): void {
    if (timestamp === this.#timestamp) return
    this.#timestamp = timestamp
    const lastMs = this.#lastMs ?? -Infinity
    // What was not sent in the meantime says nothing.
    this.#gapMs = lastMs < this.#sinceMs ? 0 : nowMs - lastMs
    this.#lastMs = nowMs
  }

  /** @param patienceMs how long the leg may send nothing at all */
  fault(nowMs: number, patienceMs: number): Fault | undefined {
    const { missingMs, judgesGaps, hint, advice } = this.#options
    const ageMs = nowMs - Math.max(this.#lastMs ?? 0, this.#sinceMs)
    if (ageMs > Math.max(missingMs, patienceMs, LATE * this.#gapMs)) {
      const words = `no key frame for ${seconds(ageMs)} s${hint}`
      return { reason: 'no-key-frames', words }
    }
    const apartMs = Math.max(ageMs, this.#gapMs)
    const limitMs = this.#isSparse ? SPARSE_MS.until : SPARSE_MS.from
    this.#isSparse = judgesGaps && apartMs > Math.max(limitMs, patienceMs)
    if (!this.#isSparse) return undefined
    const words =
      `key frames are ${seconds(apartMs)} s apart, and who joins waits for ` +
      `one; ${advice}`
    return { reason: 'sparse-key-frames', words }
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000)
}
