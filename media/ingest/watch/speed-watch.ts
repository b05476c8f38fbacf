/**
 * Whether FFmpeg keeps up with real time: pure, told its progress. Media time
 * is compared with the clock only from one advance to another, so a source
 * of one picture in eight seconds is as fast as it should be.
 */
import type { Progress } from '../../ffmpeg/progress.ts'

/** `slow` and `fast` have the mean speed of late. */
export interface SpeedFault {
  readonly kind: 'slow' | 'fast'
  readonly speed: number
}

/** From one advance to another, at least so much later. */
interface Window {
  readonly wallMs: number
  readonly speed: number
}

/** Media time at a moment of the clock. */
interface Advance {
  readonly atMs: number
  readonly timeS: number
}

const WINDOW_MS = 1_900
/** What lasts for so long is a fault, and no hiccup. */
const LASTS_MS = 9_500
/** It is over when it was so for this long. */
const OVER_MS = 5_500
const LEAST_WINDOWS = 3
const SLOW = { below: 0.9, over: 0.95 } as const
const FAST = { above: 1.1, over: 1.05 } as const

export class SpeedWatch {
  #from: Advance | undefined
  #lastS = 0
  #windows: readonly Window[] = []
  #kind: SpeedFault['kind'] | undefined

  /** A new run of FFmpeg: its media time begins anew. */
  begin(): void {
    this.#from = undefined
    this.#lastS = 0
    this.#windows = []
    this.#kind = undefined
  }

  progressed({ timeS }: Pick<Progress, 'timeS'>, nowMs: number): void {
    const lastS = this.#lastS
    this.#lastS = timeS
    if (timeS === lastS) return
    const advance = { atMs: nowMs, timeS }
    // Media time that fell back is another time: it begins here.
    if (this.#from === undefined || timeS < lastS) {
      this.#from = advance
      return
    }
    const wallMs = nowMs - this.#from.atMs
    if (wallMs < WINDOW_MS) return
    const speed = ((timeS - this.#from.timeS) * 1_000) / wallMs
    this.#from = advance
    this.#add({ wallMs, speed })
  }

  fault(): SpeedFault | undefined {
    if (this.#kind === undefined) return undefined
    const media = sum(this.#windows, ({ wallMs, speed }) => wallMs * speed)
    const speed = media / sum(this.#windows, ({ wallMs }) => wallMs)
    return { kind: this.#kind, speed }
  }

  #add(window: Window): void {
    this.#windows = lately([...this.#windows, window], LASTS_MS)
    const recent = lately(this.#windows, OVER_MS)
    switch (this.#kind) {
      case 'slow':
        if (all(recent, speed => speed >= SLOW.over)) this.#kind = undefined
        return
      case 'fast':
        if (all(recent, speed => speed <= FAST.over)) this.#kind = undefined
        return
      case undefined:
        if (sum(this.#windows, ({ wallMs }) => wallMs) < LASTS_MS) return
        if (all(this.#windows, speed => speed < SLOW.below)) this.#kind = 'slow'
        if (all(this.#windows, speed => speed > FAST.above)) this.#kind = 'fast'
    }
  }
}

/** The last windows that together cover so long a time. */
function lately(windows: readonly Window[], spanMs: number) {
  const first = windows.findLastIndex(
    (_, index) => sum(windows.slice(index), ({ wallMs }) => wallMs) >= spanMs,
  )
  return first < 0 ? windows : windows.slice(first)
}

function all(
  windows: readonly Window[],
  test: (speed: number) => boolean,
): boolean {
  return (
    windows.length >= LEAST_WINDOWS && windows.every(({ speed }) => test(speed))
  )
}

function sum(
  windows: readonly Window[],
  read: (window: Window) => number,
): number {
  return windows.reduce((total, window) => total + read(window), 0)
}
