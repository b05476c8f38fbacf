/**
 * Measures the time of a scrape over HTTP on loopback: the same bytes from
 * memory, the exporter's page, and prom-client's page with the same series. Then
 * the memory per series, and prom-client's observe(), the least that processing
 * observations one by one can cost.
 */
import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage } from 'node:http'
import { Histogram, Registry as PromRegistry, Counter } from 'prom-client'
import {
  DURATION_BUCKETS,
  FAMILY_NAMES,
  familyOf,
  isObservedName,
} from '../../shared/protocol/catalogue.ts'
import { isStreamId } from '../../shared/protocol/ids.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { closeServer } from '../../shared/runtime/http-server.ts'
import { DRAIN_TIMEOUT_MS, listen } from '../../exporter/http-server.ts'
import { LIMITS } from '../../exporter/limits.ts'
import { applyEntry, createLedger } from '../../exporter/registry/ledger.ts'
import { MetricStore } from '../../exporter/registry/metric-store.ts'
import { setTotal } from '../../exporter/registry/series.ts'
import { createTelemetry } from '../../exporter/telemetry.ts'
import { TEXT } from '../../exporter/web/formats.ts'
import { createSampledWriter } from '../../exporter/web/own-families.ts'
import { createPageWriter } from '../../exporter/web/page.ts'
import type { PageBytes } from '../../exporter/web/page-memory.ts'
import { WebServer } from '../../exporter/web/web-server.ts'
import { heapBytes } from './rig/heap.ts'
import { median } from './rig/stats.ts'

/** Series of a newly registered stream. */
const SERIES_PER_STREAM = 64

const log = createLog({ write: () => undefined, now: () => new Date() })
const address = { host: '127.0.0.1', port: 0 }
const write = (line: string) => process.stdout.write(`${line}\n`)

/** A metric store with about `series` series. */
function createOurs(series: number): MetricStore {
  const streams = Math.round(series / SERIES_PER_STREAM)
  const ledger = createLedger('bench', streams)
  const ids = Array.from({ length: streams }, (_, i) => `stream-${i}`)
  const came = ids.filter(isStreamId)
  applyEntry(ledger, { kind: 'streams', atMs: 0, came, gone: [] })
  const all = [...ledger.streams.values()].flatMap(stream => [
    ...stream.series.values(),
  ])
  for (const one of all) {
    one.cell = 1
    setTotal(
      one,
      one.shown.values.map((_, i) => 1000 + i),
    )
  }
  return new MetricStore({
    ledger,
    clock: systemClock,
    maxStreams: streams,
    limits: LIMITS,
    journal: undefined,
  })
}

/** A registry of prom-client with the series of `ours`. */
function createTheirs(ours: MetricStore): PromRegistry {
  const registry = new PromRegistry()
  const streams = [...ours.ledger.streams.values()]
  for (const name of FAMILY_NAMES.filter(isObservedName)) {
    const { help, labels, buckets } = familyOf(name)
    const labelNames = ['core', ...labels]
    const registers = [registry]
    const metric =
      buckets === undefined
        ? new Counter({ name, help, labelNames, registers })
        : new Histogram({
            name,
            help,
            labelNames,
            registers,
            buckets: [...buckets],
          })
    for (const { series } of streams) {
      for (const { family, labels: values } of series.values()) {
        if (family !== name) continue
        const child = metric.labels('bench', ...values)
        if ('inc' in child) child.inc(1000)
        else child.observe(0.07)
      }
    }
  }
  return registry
}

const agent = new Agent({ keepAlive: true })

/** Milliseconds from the request to the last byte, and the size. */
async function scrape(port: number): Promise<{ ms: number; bytes: number }> {
  const startMs = performance.now()
  const sent = request({ port, path: '/metrics', agent }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let bytes = 0
  response.on('data', (chunk: Buffer) => (bytes += chunk.length))
  await once(response, 'end')
  return { ms: performance.now() - startMs, bytes }
}

async function startWeb(page: () => Promise<PageBytes>) {
  const server = new WebServer({
    version: 'bench',
    core: 'bench',
    page,
    probe: undefined,
    streamsToProbe: () => Promise.resolve([]),
    observeScrape: () => undefined,
    isReady: () => true,
    basicAuth: undefined,
    tls: undefined,
    limits: LIMITS,
    clock: systemClock,
    log,
  })
  const { port } = await server.listen(address)
  return { port, close: () => server.close() }
}

async function startMemory(bytes: Buffer) {
  const server = createServer((_request, response) => response.end(bytes))
  const { port } = await listen(server, address, '', log)
  return { port, close: () => closeServer(server, DRAIN_TIMEOUT_MS) }
}

const { registry: own, processRegistry, setSeries } = createTelemetry('bench')
const writeProcess = createSampledWriter(processRegistry, 'bench', systemClock)

async function compareScrapes(series: number, rounds: number): Promise<void> {
  const store = createOurs(series)
  const theirs = createTheirs(store)
  const writePage = createPageWriter({ store, own, writeProcess, setSeries })
  const page = () => writePage(TEXT)
  const servers = {
    memory: await startMemory((await page()).bytes),
    exporter: await startWeb(page),
    promClient: await startWeb(async () => ({
      bytes: Buffer.from(
        (await theirs.metrics()) +
          (await own.metrics()) +
          (await processRegistry.metrics()),
      ),
      release: () => undefined,
    })),
  }
  const times = {
    memory: [] as number[],
    exporter: [] as number[],
    promClient: [] as number[],
  }
  let size = 0
  // Alternating, so that other load on the machine affects all alike.
  for (let round = -3; round < rounds; round++) {
    for (const name of ['memory', 'exporter', 'promClient'] as const) {
      const { ms, bytes } = await scrape(servers[name].port)
      if (name === 'exporter') size = bytes
      if (round >= 0) times[name].push(ms)
    }
  }
  for (const server of Object.values(servers)) await server.close()
  const memory = median(times.memory)
  const cells = (['memory', 'exporter', 'promClient'] as const).map(name => {
    const ms = median(times[name])
    return `${ms.toFixed(2).padStart(9)} ${(ms / memory).toFixed(1).padStart(6)}`
  })
  const count = String(series).padStart(7)
  write(`${count} ${String(size).padStart(9)} ${cells.join(' ')}`)
}

function measureMemory(): void {
  const before = heapBytes()
  const store = createOurs(50_000)
  const ours = heapBytes()
  const theirs = createTheirs(store)
  const both = heapBytes()
  const count = store.ledger.streams.size * SERIES_PER_STREAM
  const bytes = (from: number, to: number) => Math.round((to - from) / count)
  write(
    `memory per series: exporter ${bytes(before, ours)} bytes, ` +
      `prom-client ${bytes(ours, both)} bytes`,
  )
  // Keeps both reachable until here.
  if (theirs.getMetricsAsArray().length === 0) throw new Error('no metrics')
}

function measureObserve(): void {
  const histogram = new Histogram({
    name: 'duration_seconds',
    help: 'Durations.',
    labelNames: ['core', 'route', 'stream_id'],
    buckets: [...DURATION_BUCKETS],
    registers: [new PromRegistry()],
  })
  const rounds = Array.from({ length: 7 }, () => {
    const startMs = performance.now()
    for (let i = 0; i < 200_000; i++) {
      const labels = { core: 'bench', route: 'POST', stream_id: 'stream-1' }
      histogram.observe(labels, (i % 1000) / 500)
    }
    return ((performance.now() - startMs) / 200_000) * 1e6
  })
  write(`prom-client observe(): ${median(rounds).toFixed(0)} ns`)
}

write('a scrape: median ms, and as a multiple of the time from memory')
write('             size   from memory       exporter    prom-client')
await compareScrapes(500, 200)
await compareScrapes(5_000, 60)
await compareScrapes(50_000, 15)
agent.destroy()
write('')
measureMemory()
measureObserve()
