import type { GaugeName } from '../../shared/protocol/catalogue.ts'
import {
  OTHER_REASON,
  type ShownReason,
} from '../../shared/protocol/degraded.ts'
import type { Snapshot, StreamSnapshot } from '../../shared/protocol/frames.ts'
import { OVERFLOW_STREAM, type StreamId } from '../../shared/protocol/ids.ts'
import { MAX_KNOWN_STREAMS } from '../../shared/protocol/limits.ts'
import type { Ledger } from './ledger.ts'
import { labelText } from './series.ts'

/** One sample of a gauge family. */
export interface GaugeSample {
  readonly text: string
  readonly values: readonly [number]
}

/**
 * The samples of the gauge families in `snapshot`. Streams without a place of
 * their own share `_overflow`.
 */
export function gaugeSamples(
  snapshot: Snapshot,
  ledger: Ledger,
): Record<GaugeName, readonly GaugeSample[]> {
  const core = labelText('core', ledger.core)
  const alone = (value: number): readonly GaugeSample[] => [
    { text: core, values: [value] },
  ]
  const running = snapshot.streams.filter(stream => stream.running)
  // A stopped stream without viewers has no sample.
  const peers = sumByLabel(snapshot, ledger, stream =>
    stream.running || stream.asleep || stream.peers > 0
      ? stream.peers
      : undefined,
  )
  return {
    dragonfork_webrtc_active_streams: alone(running.length),
    dragonfork_webrtc_active_peers: [...peers].map(([id, count]) => ({
      text: `${core},${labelText('stream_id', id)}`,
      values: [count],
    })),
    dragonfork_webrtc_udp_ports_in_use: alone(snapshot.udpPorts.inUse),
    dragonfork_webrtc_udp_ports_available: alone(snapshot.udpPorts.available),
  }
}

/** Streams that run, are not asleep, and have a place of their own. */
export function runningStreams(
  snapshot: Snapshot,
  ledger: Ledger,
): readonly StreamId[] {
  return shown(snapshot, ledger)
    .filter(
      ({ label, stream: { id, running, asleep } }) =>
        running && asleep !== true && label === id,
    )
    .map(({ stream }) => stream.id)
}

/** How many streams of one `stream_id` are degraded for one reason. */
export interface DegradedSample {
  readonly streamId: string
  /** Undefined: no stream of this `stream_id` is degraded. */
  readonly reason?: ShownReason
  readonly streams: number
}

/**
 * Degraded streams by exposed `stream_id` and reason; a healthy `stream_id` has
 * one sample of 0.
 */
export function degradedSamples(
  snapshot: Snapshot,
  ledger: Ledger,
): readonly DegradedSample[] {
  const byLabel = new Map<string, Map<ShownReason, number>>()
  for (const { label, stream } of shown(snapshot, ledger)) {
    const counts = byLabel.get(label) ?? new Map<ShownReason, number>()
    byLabel.set(label, counts)
    if (!stream.degraded) continue
    const reason = stream.degraded_reason ?? OTHER_REASON
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  return [...byLabel].flatMap(([streamId, counts]): DegradedSample[] =>
    counts.size === 0
      ? [{ streamId, streams: 0 }]
      : [...counts].map(([reason, streams]) => ({ streamId, reason, streams })),
  )
}

/** Adds up the values of `read` for streams that share a `stream_id`. */
function sumByLabel(
  snapshot: Snapshot,
  ledger: Ledger,
  read: (stream: StreamSnapshot) => number | undefined,
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const { label, stream } of shown(snapshot, ledger)) {
    const value = read(stream)
    if (value === undefined) continue
    sums.set(label, (sums.get(label) ?? 0) + value)
  }
  return sums
}

/** The streams, each with its exposed `stream_id`. */
function shown({ streams }: Snapshot, ledger: Ledger) {
  const full = ledger.streams.size >= MAX_KNOWN_STREAMS
  let free = full ? 0 : ledger.maxStreams - ledger.ownStreams
  return streams.map(stream => {
    // A stream whose registration is still being stored gets the next place.
    const known = ledger.streams.get(stream.id)
    const own = known === undefined ? free-- > 0 : known.place === 'own'
    return { label: own ? stream.id : OVERFLOW_STREAM, stream }
  })
}
