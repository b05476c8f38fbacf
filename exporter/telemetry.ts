/** What the exporter says of itself, kept by prom-client. */
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry as PromRegistry,
} from 'prom-client'
import type { BootId } from '../shared/ids.ts'
import type { DegradedSample } from './registry/gauges.ts'
import type { Ledger } from './registry/ledger.ts'
import { REFUSALS } from './registry/refusals.ts'

const PREFIX = 'dragonfork_exporter_'

/** Why a connection to the ingest address is turned away. */
export const TURNED_AWAY = [
  'no_such_path',
  'origin',
  'unauthorized',
  'too_many',
  /** The exporter starts or ends. */
  'not_serving',
] as const

export type TurnedAway = (typeof TURNED_AWAY)[number]

/** Where the numbers come from that others keep. */
export interface TelemetrySources {
  readonly ledger: Ledger
  readonly lastSnapshotEpochMs: () => number
  readonly isMediaConnected: () => boolean
  /** How many streams are degraded, by `stream_id` and reason. */
  readonly degraded: () => readonly DegradedSample[]
}

export interface Telemetry {
  /** All families of the exporter itself, and Node's process metrics. */
  readonly registry: PromRegistry
  readonly countWriteFailure: () => void
  readonly countTurnedAway: (reason: TurnedAway) => void
  readonly observeScrape: (seconds: number) => void
  readonly setSeries: (count: number) => void
  /** Names whose numbers are read at each scrape. */
  readonly connect: (sources: TelemetrySources) => void
}

/**
 * prom-client's gauges that are named like counters: promtool refuses them,
 * and the families without `_total` tell the same by type.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

export function createTelemetry(version: string): Telemetry {
  const registry = new PromRegistry()
  const registers = [registry]
  let sources: TelemetrySources | undefined
  let knownBoot: BootId | undefined
  let restarts = 0

  new Gauge({
    name: `${PREFIX}build_info`,
    help: 'Version of the exporter and of Node; always 1.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.version }, 1)

  const gauge = (
    name: string,
    help: string,
    read: (from: TelemetrySources) => number,
  ) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.set(sources === undefined ? 0 : read(sources))
      },
    })

  const counter = (
    name: string,
    help: string,
    read: (from: Ledger) => number,
  ) =>
    new Counter({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        // The ledger has the total; prom-client only takes steps.
        this.reset()
        this.inc(sources === undefined ? 0 : read(sources.ledger))
      },
    })

  gauge(
    'media_connected',
    'Whether a media process is connected, has said hello and is heard.',
    from => (from.isMediaConnected() ? 1 : 0),
  )
  gauge(
    'last_snapshot_timestamp_seconds',
    'Unix time of the last snapshot; 0 before the first.',
    from => from.lastSnapshotEpochMs() / 1000,
  )
  new Gauge({
    name: `${PREFIX}degraded_streams`,
    help:
      'Streams that viewers cannot see or hear as they should now, by the ' +
      'worst reason; 0, without reason, where all is well.',
    labelNames: ['stream_id', 'reason'],
    registers,
    collect() {
      this.reset()
      for (const { streamId, reason, streams } of sources?.degraded() ?? []) {
        const labels = { stream_id: streamId, ...(reason && { reason }) }
        this.set(labels, streams)
      }
    },
  })
  counter(
    'observations_total',
    'Observations the media process reported, the lost ones included.',
    ledger => ledger.observed.base + ledger.observed.told,
  )
  counter(
    'observations_lost_total',
    'Observations the media process had to drop at a bound.',
    ledger => ledger.lost.base + ledger.lost.told,
  )
  new Counter({
    name: `${PREFIX}observations_rejected_total`,
    help: 'Frames, and cells of frames, that were refused, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const reason of REFUSALS) {
        this.inc({ reason }, sources?.ledger.refused[reason] ?? 0)
      }
    },
  })
  counter(
    'series_rejected_total',
    'Streams and series refused a place of their own: beyond a limit, or in ' +
      'the stream_id _overflow.',
    ledger => ledger.refusedSeries,
  )
  counter(
    'media_restarts_total',
    'Restarts of the media process seen since the exporter started; not of ' +
      'one that carries on with what the one before owed.',
    ({ boot }) => {
      if (boot?.id !== knownBoot) {
        if (knownBoot !== undefined) restarts++
        knownBoot = boot?.id
      }
      return restarts
    },
  )
  const series = new Gauge({
    name: `${PREFIX}series`,
    help: 'Series of the eleven families in this scrape.',
    registers,
  })
  const scrapes = new Histogram({
    name: `${PREFIX}scrape_duration_seconds`,
    help: 'Time to answer a scrape, with compression.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    registers,
  })
  const writeFailures = new Counter({
    name: `${PREFIX}state_write_failures_total`,
    help: 'Attempts to write the state file that failed.',
    registers,
  })
  const turnedAway = new Counter({
    name: `${PREFIX}connections_refused_total`,
    help: 'Connections to the ingest address turned away, by reason.',
    labelNames: ['reason'],
    registers,
  })
  for (const reason of TURNED_AWAY) turnedAway.inc({ reason }, 0)

  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)

  return {
    registry,
    countWriteFailure: () => {
      writeFailures.inc()
    },
    countTurnedAway: reason => {
      turnedAway.inc({ reason })
    },
    observeScrape: seconds => {
      scrapes.observe(seconds)
    },
    setSeries: count => {
      series.set(count)
    },
    connect: given => {
      sources = given
      // A boot from the state file is no restart.
      knownBoot = given.ledger.boot?.id
    },
  }
}
