/**
 * Measures the time of a scrape of /metrics without probes, and with one of
 * each stream every second: p99 must not rise by over 20 %.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { takePorts } from '../../shared/test/fixtures/ports.ts'
import { startChild } from '../../shared/test/fixtures/child.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { getProbe } from '../test/fixtures/probed-stack.ts'
import { scrape } from '../test/fixtures/scrape.ts'
import { listening, testStream } from '../test/fixtures/stack.ts'
import { showProgress } from './rig/progress.ts'
import { figure, quantile } from './rig/stats.ts'

const ROUNDS = 20
const SCRAPES = 150
const SCRAPE_INTERVAL_MS = 10
/** Sixty times as often as Prometheus probes. */
const PROBE_INTERVAL_MS = 1_000
const MAX_RATIO = 1.2
const STREAMS = ['one', 'two']

const udpPorts = await takePorts(100)
const { min: mediaPort } = await takePorts(1)
const mediaUrl = `http://127.0.0.1:${mediaPort}`
const dir = await mkdtemp(join(tmpdir(), 'dragonfork-bench-'))
const processFile = join(dir, 'processes.json')
const often = { key_frame_seconds: 0.25 }
const streams = STREAMS.map(id => testStream(id, { video: often }))
await writeFile(processFile, JSON.stringify(streams))

const exporter = startChild('exporter/main.ts', {
  EXPORTER_ADDRESS: '127.0.0.1:0',
  EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
  EXPORTER_PROBE_URL: mediaUrl,
})
const exporterUrl = `http://127.0.0.1:${await listening(exporter, 'web')}`
const media = startChild('media/main.ts', {
  CORE_ADDRESS: `127.0.0.1:${mediaPort}`,
  CORE_DB_DIR: join(dir, 'data'),
  CORE_PROCESS_FILE: processFile,
  CORE_EXPORTER_URL: `ws://127.0.0.1:${await listening(exporter, 'ingest')}/ingest`,
  CORE_WEBRTC_LISTEN_ADDRESSES: '127.0.0.1',
  CORE_WEBRTC_ANNOUNCED_ADDRESSES: '127.0.0.1',
  CORE_WEBRTC_UDP_MIN_PORT: String(udpPorts.min),
  CORE_WEBRTC_UDP_MAX_PORT: String(udpPorts.max),
  CORE_WEBRTC_WORKERS: '1',
})

const plays = async (id: string) =>
  (await getProbe(exporterUrl, id)).success === 1

/** Milliseconds of each of SCRAPES scrapes. */
async function measure(): Promise<readonly number[]> {
  const times: number[] = []
  for (let scrapes = 0; scrapes < SCRAPES; scrapes++) {
    const startMs = performance.now()
    await scrape(`${exporterUrl}/metrics`)
    times.push(performance.now() - startMs)
    await wait(SCRAPE_INTERVAL_MS)
  }
  return times
}

/** Measures while each stream is probed at its interval. */
async function measureProbed(): Promise<readonly number[]> {
  let isOver = false
  const probing = STREAMS.map(async id => {
    let probes = 0
    for (; !isOver; probes++) {
      if (!(await plays(id))) throw new Error(`The probe of ${id} failed`)
      await wait(PROBE_INTERVAL_MS)
    }
    return probes
  })
  const times = await measure()
  isOver = true
  for (const probes of await Promise.all(probing)) count += probes
  return times
}

let count = 0
try {
  for (const id of STREAMS) await waitFor(() => plays(id), `${id} to play`)
  const idle: number[] = []
  const probed: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    showProgress(`round ${round + 1} of ${ROUNDS}`)
    // In turn, so that other load on the machine affects both alike.
    if (round % 2 === 0) idle.push(...(await measure()))
    probed.push(...(await measureProbed()))
    if (round % 2 === 1) idle.push(...(await measure()))
  }
  showProgress('')
  const write = (line: string) => process.stdout.write(`${line}\n`)
  write(`${idle.length} scrapes each, with ${count} probes; milliseconds`)
  write('               p50     p95     p99')
  for (const [name, times] of Object.entries({ idle, probed })) {
    const columns = [0.5, 0.95, 0.99].map(share =>
      figure(quantile(times, share)).padStart(7),
    )
    write(`  ${name.padEnd(8)} ${columns.join(' ')}`)
  }
  const ratio = quantile(probed, 0.99) / quantile(idle, 0.99)
  write(`p99 with probes is ${figure(ratio)} times p99 without`)
  if (ratio > MAX_RATIO) process.exitCode = 1
} finally {
  await media.end()
  await exporter.end()
  await rm(dir, { recursive: true, force: true })
}
