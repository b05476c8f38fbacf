/**
 * Measures the time of one report() call, as a multiple of an empty call with
 * the same observation, and prom-client's for comparison.
 */
import { Counter, Histogram, Registry } from 'prom-client'

import {
  DURATION_BUCKETS,
  type Observation,
} from '../../shared/protocol/catalogue.ts'
import { createOutbox } from './rig/outbox.ts'
import { median } from './rig/stats.ts'

const CALLS = 500_000
const ROUNDS = 9

const STREAMS = Array.from({ length: 50 }, (_, i) => `camera-${i}`)

function request(i: number): Observation {
  return {
    family: 'dragonfork_webrtc_whep_requests_total',
    labels: {
      route: 'POST /api/v3/whep/{id}',
      code: '201',
      stream_id: STREAMS[i % STREAMS.length] ?? '',
    },
  }
}

function duration(i: number): Observation {
  return {
    family: 'dragonfork_webrtc_whep_request_duration_seconds',
    labels: {
      route: 'POST /api/v3/whep/{id}',
      stream_id: STREAMS[i % STREAMS.length] ?? '',
    },
    value: (i % 1000) / 500,
  }
}

// Not started: report() does the same while the exporter is away.
const outbox = createOutbox()

const registers = [new Registry()]
const counter = new Counter({
  name: 'requests_total',
  help: 'Requests.',
  labelNames: ['route', 'code', 'stream_id'],
  registers,
})
const histogram = new Histogram({
  name: 'duration_seconds',
  help: 'Durations.',
  labelNames: ['route', 'stream_id'],
  buckets: [...DURATION_BUCKETS],
  registers,
})

let seen = 0
const empty = (observation: Observation) => {
  // Without an effect, the call would be optimized away.
  if (observation.labels.stream_id === '') seen += 1
}
const promClient = (observation: Observation) => {
  if ('value' in observation) {
    histogram.observe(observation.labels, observation.value)
  } else counter.inc(observation.labels)
}

interface Variant {
  readonly name: string
  readonly make: (i: number) => Observation
  readonly call: (observation: Observation) => void
}

const variants: readonly Variant[] = [
  { name: 'empty call, counter', make: request, call: empty },
  { name: 'report(), counter', make: request, call: outbox.report },
  { name: 'prom-client, counter', make: request, call: promClient },
  { name: 'empty call, histogram', make: duration, call: empty },
  { name: 'report(), histogram', make: duration, call: outbox.report },
  { name: 'prom-client, histogram', make: duration, call: promClient },
]

/** Returns nanoseconds per call. */
function time({ make, call }: Variant): number {
  const startMs = performance.now()
  for (let i = 0; i < CALLS; i += 1) call(make(i))
  return ((performance.now() - startMs) * 1e6) / CALLS
}

// Alternating, so that other load on the machine affects all alike.
const times = variants.map(() => [] as number[])
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [i, variant] of variants.entries()) times[i]?.push(time(variant))
}

const medians = times.map(median)
const write = (line: string) => process.stdout.write(`${line}\n`)
write(`${CALLS} calls per round, median of ${ROUNDS} rounds; each call with a`)
write('new observation of one of 50 streams, as in the media process')
for (const [i, { name }] of variants.entries()) {
  const ns = medians[i] ?? NaN
  const base = medians[i < 3 ? 0 : 3] ?? NaN
  write(
    `  ${name.padEnd(24)} ${ns.toFixed(1).padStart(8)} ns  ` +
      `${(ns / base).toFixed(1).padStart(6)} x the empty call`,
  )
}
if (seen > 0) throw new Error('The empty call did something')
