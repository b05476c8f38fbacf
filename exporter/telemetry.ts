/** The exporter's own metrics, kept by prom-client. */
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry as PromRegistry,
} from 'prom-client'
import type { BootId } from '../shared/protocol/ids.ts'
import type { DegradedSample } from './registry/gauges.ts'
import type { Ledger } from './registry/ledger.ts'
import { REJECTIONS } from './registry/rejections.ts'

const PREFIX = 'dragonfork_exporter_'

/** Why a connection to the ingest address is rejected. */
const CONNECTION_REJECTIONS = [
  'no_such_path',
  'origin',
  'unauthorized',
  'too_many',
  /** The exporter is starting or shutting down. */
  'not_serving',
] as const

export type ConnectionRejection = (typeof CONNECTION_REJECTIONS)[number]

/** Numbers that other parts keep; read at each scrape. */
export interface TelemetrySources {
  readonly ledger: Ledger
  readonly lastSnapshotEpochMs: () => number
  readonly isMediaConnected: () => boolean
  /** Degraded streams by `stream_id` and reason. */
  readonly degraded: () => readonly DegradedSample[]
  /** Number of streams that are asleep; undefined: not known. */
  readonly asleep: () => number | undefined
  /** Whether the media process takes no new viewers; undefined: not known. */
  readonly draining: () => boolean | undefined
}

export interface Telemetry {
  /** The exporter's own families. */
  readonly registry: PromRegistry
  /** Metrics of the operating system's process and of Node. */
  readonly processRegistry: PromRegistry
  readonly countWriteFailure: () => void
  readonly countRejectedConnection: (reason: ConnectionRejection) => void
  readonly observeScrape: (seconds: number) => void
  readonly setSeries: (count: number) => void
  /** Sets the sources; until then their numbers are 0. */
  readonly connect: (sources: TelemetrySources) => void
}

/**
 * Families of prom-client that are left out. Those named like counters are
 * gauges, which promtool rejects; the families without `_total` have the same
 * numbers by type. Those of the event loop wake the process a hundred times a
 * second, which is most of its idle CPU; `nodejs_eventloop_lag_seconds` is
 * measured at each scrape.
 */
const OMITTED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_lag_min_seconds',
  'nodejs_eventloop_lag_max_seconds',
  'nodejs_eventloop_lag_mean_seconds',
  'nodejs_eventloop_lag_stddev_seconds',
  'nodejs_eventloop_lag_p50_seconds',
  'nodejs_eventloop_lag_p90_seconds',
  'nodejs_eventloop_lag_p99_seconds',
]

/** prom-client cannot leave its event-loop monitor out, so it hardly runs. */
const EVENT_LOOP_MONITORING_MS = 3_600_000

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

  /** A gauge that has no sample while its value is not known. */
  const snapshotGauge = (
    name: string,
    help: string,
    read: (from: TelemetrySources) => number | boolean | undefined,
  ) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.reset()
        const value = sources && read(sources)
        if (value === undefined) this.remove()
        else this.set(Number(value))
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
        // The ledger has the total; a prom-client counter only increments.
        this.reset()
        this.inc(sources === undefined ? 0 : read(sources.ledger))
      },
    })

  gauge(
    'media_connected',
    'Whether a media process is connected, welcomed and responsive.',
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
      'Streams that viewers do not see or hear as they should, by the ' +
      'worst reason; 0 and without reason if the stream is healthy.',
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
  snapshotGauge(
    'asleep_streams',
    'Streams that start on demand and that nobody watches.',
    from => from.asleep(),
  )
  snapshotGauge(
    'draining',
    '1 while the media process takes no new viewers, as requested.',
    from => from.draining(),
  )
  counter(
    'observations_total',
    'Observations the media process reported, the lost ones included.',
    ledger => ledger.observed.base + ledger.observed.current,
  )
  counter(
    'observations_lost_total',
    'Observations the media process dropped because of a limit.',
    ledger => ledger.lost.base + ledger.lost.current,
  )
  new Counter({
    name: `${PREFIX}observations_rejected_total`,
    help: 'Frames, and cells of frames, that were rejected, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const reason of REJECTIONS) {
        this.inc({ reason }, sources?.ledger.rejected[reason] ?? 0)
      }
    },
  })
  counter(
    'series_rejected_total',
    'Streams and series without a place of their own: dropped at a limit, ' +
      'or counted under the stream_id _overflow.',
    ledger => ledger.rejectedSeries,
  )
  counter(
    'media_restarts_total',
    'Restarts of the media process since the exporter started, except those ' +
      'after which it resumed with the totals of the process before.',
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
  const rejectedConnections = new Counter({
    name: `${PREFIX}connections_refused_total`,
    help: 'Connections to the ingest address that were rejected, by reason.',
    labelNames: ['reason'],
    registers,
  })
  for (const reason of CONNECTION_REJECTIONS) {
    rejectedConnections.inc({ reason }, 0)
  }

  const processRegistry = new PromRegistry()
  collectDefaultMetrics({
    register: processRegistry,
    eventLoopMonitoringPrecision: EVENT_LOOP_MONITORING_MS,
  })
  for (const name of OMITTED) processRegistry.removeSingleMetric(name)

  return {
    registry,
    processRegistry,
    countWriteFailure: () => {
      writeFailures.inc()
    },
    countRejectedConnection: reason => {
      rejectedConnections.inc({ reason })
    },
    observeScrape: seconds => {
      scrapes.observe(seconds)
    },
    setSeries: count => {
      series.set(count)
    },
    connect: given => {
      sources = given
      // The boot in the state file is not a restart.
      knownBoot = given.ledger.boot?.id
    },
  }
}
