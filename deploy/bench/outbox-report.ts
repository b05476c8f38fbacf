/**
 * What report() costs its caller, beside an empty function call with the same
 * observation, and beside what prom-client costs for the same.
 */
import { randomUUID } from 'node:crypto'
import { Counter, Histogram, Registry } from 'prom-client'

import {
  DURATION_BUCKETS,
  type Observation,
} from '../../shared/protocol/catalogue.ts'
import { isBootId } from '../../shared/protocol/ids.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { Outbox } from '../../media/outbox/outbox.ts'

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

const boot = randomUUID()
if (!isBootId(boot)) throw new RangeError(`Cannot use ${boot} as a boot id`)
// Not started: the exporter is away, as far as report() can tell.
const outbox = new Outbox({
  core: 'bench',
  boot,
  url: new URL('ws://127.0.0.1:9/ingest'),
  clock: systemClock,
  random: Math.random,
  view: () => ({ streams: [], udpPorts: { inUse: 0, available: 0 } }),
  log: createLog({ write: () => undefined, now: () => new Date() }),
})

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
  // Something must depend on it, or there is no call left to measure.
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

/** Nanoseconds a call. */
function time({ make, call }: Variant): number {
  const startMs = performance.now()
  for (let i = 0; i < CALLS; i += 1) call(make(i))
  return ((performance.now() - startMs) * 1e6) / CALLS
}

// Round by round, so that what else the machine does hits all alike.
const times = variants.map(() => [] as number[])
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [i, variant] of variants.entries()) times[i]?.push(time(variant))
}

const medians = times.map(
  list => list.sort((a, b) => a - b)[list.length >> 1] ?? NaN,
)
const write = (line: string) => process.stdout.write(`${line}\n`)
write(`${CALLS} calls a round, median of ${ROUNDS} rounds; each call with a`)
write('new observation of one of 50 streams, as the callers make it')
for (const [i, { name }] of variants.entries()) {
  const ns = medians[i] ?? NaN
  const base = medians[i < 3 ? 0 : 3] ?? NaN
  write(
    `  ${name.padEnd(24)} ${ns.toFixed(1).padStart(8)} ns  ` +
      `${(ns / base).toFixed(1).padStart(6)} x the empty call`,
  )
}
if (seen > 0) throw new Error('The empty call did something')
