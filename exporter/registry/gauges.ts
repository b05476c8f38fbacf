import type { GaugeName } from '../../shared/catalogue.ts'
import type { Snapshot, StreamSnapshot } from '../../shared/frames.ts'
import { OVERFLOW_STREAM } from '../../shared/ids.ts'
import { MAX_KNOWN_STREAMS } from '../../shared/limits.ts'
import type { Ledger } from './ledger.ts'
import { labelsText } from './series.ts'

/** One sample of a gauge family. */
export interface GaugeSample {
  readonly text: string
  readonly values: readonly [number]
}

/**
 * The samples of the gauge families as `snapshot` has them. Streams without a
 * place of their own share `_overflow`.
 */
export function gaugeSamples(
  snapshot: Snapshot,
  ledger: Ledger,
): Record<GaugeName, readonly GaugeSample[]> {
  const core = ['core', ledger.core] as const
  const alone = (value: number): readonly GaugeSample[] => [
    { text: labelsText([core]), values: [value] },
  ]
  const running = snapshot.streams.filter(stream => stream.running)
  // A stream that stands still and has no viewers has no sample.
  const peers = sumByLabel(snapshot, ledger, stream =>
    stream.running || stream.peers > 0 ? stream.peers : undefined,
  )
  return {
    dragonfork_webrtc_active_streams: alone(running.length),
    dragonfork_webrtc_active_peers: [...peers].map(([id, count]) => ({
      text: labelsText([core, ['stream_id', id]]),
      values: [count],
    })),
    dragonfork_webrtc_udp_ports_in_use: alone(snapshot.udpPorts.inUse),
    dragonfork_webrtc_udp_ports_available: alone(snapshot.udpPorts.available),
  }
}

/** How many streams are degraded, by the `stream_id` that they are shown as. */
export function degradedByLabel(
  snapshot: Snapshot,
  ledger: Ledger,
): ReadonlyMap<string, number> {
  return sumByLabel(snapshot, ledger, ({ degraded }) => (degraded ? 1 : 0))
}

/** Adds up what `read` has of the streams that share a `stream_id`. */
function sumByLabel(
  { streams }: Snapshot,
  ledger: Ledger,
  read: (stream: StreamSnapshot) => number | undefined,
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  const full = ledger.streams.size >= MAX_KNOWN_STREAMS
  let free = full ? 0 : ledger.maxStreams - ledger.ownStreams
  for (const stream of streams) {
    // A stream whose registration is still being kept gets the next place.
    const known = ledger.streams.get(stream.id)
    const own = known === undefined ? free-- > 0 : known.place === 'own'
    const value = read(stream)
    if (value === undefined) continue
    const label = own ? stream.id : OVERFLOW_STREAM
    sums.set(label, (sums.get(label) ?? 0) + value)
  }
  return sums
}
