/**
 * Whether FFmpeg runs at real time. Pure: fed with its progress. Media time is
 * compared with the clock only where media time advances, so a source of one
 * picture every eight seconds is not slow.
 */
import type { Progress } from '../../ffmpeg/progress.ts'

export interface SpeedFault {
  readonly kind: 'slow' | 'fast'
  /** Mean of the recent windows, media time over wall time. */
  readonly speed: number
}

/** From one advance of media time to one at least WINDOW_MS later. */
interface Window {
  readonly wallMs: number
  readonly speed: number
}

interface Advance {
  readonly atMs: number
  readonly timeS: number
}

const WINDOW_MS = 1_900
/** A wrong speed for this long is a fault, not a hiccup. */
const FAULT_AFTER_MS = 9_500
/** A good speed for this long clears it. */
const CLEAR_AFTER_MS = 5_500
const MIN_WINDOWS = 3
/** Hysteresis. */
const SLOW = { below: 0.9, until: 0.95 } as const
const FAST = { above: 1.1, until: 1.05 } as const

export class SpeedWatch {
  #from: Advance | undefined
  #lastS = 0
  #windows: readonly Window[] = []
  #kind: SpeedFault['kind'] | undefined

  /** Resets for a new run of FFmpeg, whose media time starts at 0. */
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
    // Media time that goes back starts a new measurement.
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
    this.#windows = lastOf([...this.#windows, window], FAULT_AFTER_MS)
    const recent = lastOf(this.#windows, CLEAR_AFTER_MS)
    switch (this.#kind) {
      case 'slow':
        if (all(recent, speed => speed >= SLOW.until)) this.#kind = undefined
        return
      case 'fast':
        if (all(recent, speed => speed <= FAST.until)) this.#kind = undefined
        return
      case undefined:
        if (sum(this.#windows, ({ wallMs }) => wallMs) < FAULT_AFTER_MS) return
        if (all(this.#windows, speed => speed < SLOW.below)) this.#kind = 'slow'
        if (all(this.#windows, speed => speed > FAST.above)) this.#kind = 'fast'
    }
  }
}

/** Returns the last windows that together cover `spanMs`. */
function lastOf(windows: readonly Window[], spanMs: number) {
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
    windows.length >= MIN_WINDOWS && windows.every(({ speed }) => test(speed))
  )
}

function sum(
  windows: readonly Window[],
  read: (window: Window) => number,
): number {
  return windows.reduce((total, window) => total + read(window), 0)
}
