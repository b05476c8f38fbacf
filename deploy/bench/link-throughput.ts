/**
 * Measures observations per second from report() to the totals of an exporter
 * over a WebSocket, beside prom-client's observe() in a loop.
 */
import { setImmediate } from 'node:timers/promises'
import { Histogram, Registry } from 'prom-client'

import { DURATION_BUCKETS } from '../../shared/protocol/catalogue.ts'
import { parseStreamId } from '../../shared/protocol/ids.ts'
import { startChild } from '../../shared/test/fixtures/child.ts'
import { scrape, valueOf } from '../test/fixtures/scrape.ts'
import { listening } from '../test/fixtures/stack.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { createOutbox } from './rig/outbox.ts'
import { cpuNs } from './rig/process-cpu.ts'
import { showProgress } from './rig/progress.ts'
import { median } from './rig/stats.ts'

const OBSERVATIONS = 1_000_000
const ROUNDS = 5
/** Observations per turn of the event loop, as in a busy server. */
const OBSERVATIONS_PER_TURN = 1_000

const STREAMS = Array.from({ length: 50 }, (_, i) => `camera-${i}`)
const ROUTE = 'POST /api/v3/whep/{id}'

const exporter = startChild('exporter/main.ts', {
  CORE_ID: 'bench',
  EXPORTER_ADDRESS: '127.0.0.1:0',
  EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
})
const metricsUrl = `http://127.0.0.1:${await listening(exporter, 'web')}/metrics`
const ingestPort = await listening(exporter, 'ingest')

const outbox = createOutbox(
  () => ({
    streams: STREAMS.map(id => ({
      id: parseStreamId(id),
      running: true,
      peers: 0,
      degraded: false,
    })),
    udpPorts: { inUse: 0, available: 0 },
  }),
  new URL(`ws://127.0.0.1:${ingestPort}/ingest`),
)
outbox.start()

const histogram = new Histogram({
  name: 'duration_seconds',
  help: 'Durations.',
  labelNames: ['route', 'stream_id'],
  buckets: [...DURATION_BUCKETS],
  registers: [new Registry()],
})

/** Makes all observations and returns the seconds until `isDone`. */
async function time(
  observe: (streamId: string, value: number) => void,
  isDone: () => Promise<boolean>,
): Promise<number> {
  const startMs = performance.now()
  for (let i = 0; i < OBSERVATIONS; i += 1) {
    observe(STREAMS[i % STREAMS.length] ?? '', (i % 1000) / 500)
    if (i % OBSERVATIONS_PER_TURN === 0) await setImmediate()
  }
  await waitFor(isDone, 'all observations to be counted')
  return (performance.now() - startMs) / 1000
}

/** Observations that the exporter has counted so far. */
async function countedTotal(): Promise<number> {
  const samples = await scrape(metricsUrl)
  return valueOf(samples, 'dragonfork_exporter_observations_total') ?? 0
}

const endToEnd: number[] = []
const baseline: number[] = []
const exporterCpu: number[] = []
for (let round = 1; round <= ROUNDS; round += 1) {
  showProgress(`round ${round} of ${ROUNDS}`)
  const cpuBefore = cpuNs(exporter.pid)
  endToEnd.push(
    await time(
      (stream_id, value) => {
        outbox.report({
          family: 'dragonfork_webrtc_whep_request_duration_seconds',
          labels: { route: ROUTE, stream_id },
          value,
        })
      },
      async () => (await countedTotal()) === round * OBSERVATIONS,
    ),
  )
  exporterCpu.push((cpuNs(exporter.pid) - cpuBefore) / 1e9)
  baseline.push(
    await time(
      (stream_id, value) => {
        histogram.observe({ route: ROUTE, stream_id }, value)
      },
      () => Promise.resolve(true),
    ),
  )
}
await outbox.close()
await exporter.end()

showProgress('')
const write = (line: string) => process.stdout.write(`${line}\n`)
const perSecond = (seconds: number) =>
  Math.round(OBSERVATIONS / seconds).toLocaleString('en')

write(`${OBSERVATIONS} observations per round, median of ${ROUNDS} rounds`)
write(
  `  report() until the exporter shows it  ${perSecond(median(endToEnd)).padStart(12)} per second`,
)
write(
  `  prom-client observe() in a loop       ${perSecond(median(baseline)).padStart(12)} per second`,
)
write(
  `  ratio                                 ${(median(baseline) / median(endToEnd)).toFixed(2).padStart(12)}`,
)
write(
  `  CPU of the exporter, with scrapes     ${median(exporterCpu).toFixed(2).padStart(12)} s per round`,
)
