/**
 * How often packets of a leg arrive, and so how long a silence is nothing:
 * pure, told what time it is. A camera of 25 pictures a second that says
 * nothing for three seconds is dead; a static screen sends one in eight.
 */

export interface RhythmOptions {
  /** Time between two looks: what came once may be seen in two of them. */
  readonly lookEveryMs: number
}

/** So many gaps are remembered. */
const REMEMBERED = 8
/** With fewer gaps than this, the longest counts; else the second longest. */
const ENOUGH = 4
/** Two gaps make a rhythm; until then a leg may take so long. */
const UNKNOWN_MS = 32_000
/** A rhythm is not slower than this. */
const SLOWEST_MS = 30_000
/** A silence of so many times the rhythm is one. */
const PATIENCE = 2.5

export class Rhythm {
  readonly #shortMs: number
  readonly #gaps: number[] = []
  #lastMs: number | undefined
  /** Of the gap before, which tells whether a short one is the same picture. */
  #wasShort = false
  /** Gaps since the leg began, or came back after a silence. */
  #fresh = 0

  constructor({ lookEveryMs }: RhythmOptions) {
    this.#shortMs = 1.5 * lookEveryMs
  }

  /** Another sender: what it sends has no gap to the last one's. */
  begin(): void {
    this.#lastMs = undefined
    this.#startAfresh()
  }

  /** The leg was given up: its first packets say nothing of the rest. */
  lost(): void {
    this.#startAfresh()
  }

  /** Packets were seen. */
  arrived(nowMs: number): void {
    const lastMs = this.#lastMs
    this.#lastMs = nowMs
    if (lastMs === undefined) return
    const gapMs = nowMs - lastMs
    const isShort = gapMs <= this.#shortMs
    // One short gap alone parts the packets of one picture.
    if (!isShort || this.#wasShort) {
      this.#gaps.push(Math.min(gapMs, SLOWEST_MS))
      if (this.#gaps.length > REMEMBERED) this.#gaps.shift()
      this.#fresh++
    }
    this.#wasShort = isShort
  }

  /** Usual time between two arrivals; 0: not known. */
  get usualMs(): number {
    const [longest = 0, second = longest] = this.#gaps.toSorted((a, b) => b - a)
    // One hiccup among many is not the rhythm.
    return this.#gaps.length < ENOUGH ? longest : second
  }

  /** How long a silence is nothing, where `leastMs` is the least. */
  patienceMs(leastMs: number): number {
    const known = Math.max(leastMs, PATIENCE * this.usualMs)
    return this.#fresh < 2 ? Math.max(known, UNKNOWN_MS) : known
  }

  #startAfresh(): void {
    this.#wasShort = false
    this.#fresh = 0
  }
}
