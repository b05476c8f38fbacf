import type { StreamStatus } from '../stream/status.ts'
import type { MediaKind } from '../whep/stream-port.ts'

/** Shorter intervals give rates that jump. */
const MIN_INTERVAL_MS = 1_000
/** An average over a longer interval hides the present. */
const MAX_INTERVAL_MS = 10_000

interface Sample {
  readonly atMs: number
  /** By stream and kind. */
  readonly packets: ReadonlyMap<string, number>
}

/** Packets a second of each leg, from the totals of two requests. */
export class PacketRates {
  #last: Sample | undefined
  #rates: ReadonlyMap<string, number> = new Map()

  /**
   * Takes a sample, unless the last one is too recent.
   * @param nowMs milliseconds since an arbitrary start
   */
  sample(statuses: readonly StreamStatus[], nowMs: number): void {
    const last = this.#last
    const intervalMs = nowMs - (last?.atMs ?? -Infinity)
    if (intervalMs < MIN_INTERVAL_MS) return
    const packets = new Map(
      statuses.flatMap(({ id, legs }) =>
        (['video', 'audio'] as const).flatMap(kind => {
          const leg = legs[kind]
          return leg === undefined ? [] : [[keyOf(id, kind), leg.packets]]
        }),
      ),
    )
    const rates = new Map<string, number>()
    if (last !== undefined && intervalMs <= MAX_INTERVAL_MS) {
      for (const [key, count] of packets) {
        const more = count - (last.packets.get(key) ?? NaN)
        // Fewer than before: the stream was started again.
        if (more >= 0) rates.set(key, (more * 1_000) / intervalMs)
      }
    }
    this.#rates = rates
    this.#last = { atMs: nowMs, packets }
  }

  /** Packets a second; null if there are not two samples of the leg. */
  of(id: string, kind: MediaKind): number | null {
    const rate = this.#rates.get(keyOf(id, kind))
    return rate === undefined ? null : Math.round(rate * 10) / 10
  }
}

function keyOf(id: string, kind: MediaKind): string {
  return `${kind} ${id}`
}
