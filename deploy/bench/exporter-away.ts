/**
 * Measures the latency of a WHEP POST while the exporter is up, frozen and
 * absent: it must not change. `up` is measured twice, to show the noise.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Cutter } from '../../media/test/outbox/fixtures/cutter.ts'
import { startChild, type Child } from '../../shared/test/fixtures/child.ts'
import { scrape, valueOf } from '../test/fixtures/scrape.ts'
import { listening, testStream } from '../test/fixtures/stack.ts'
import { takePorts } from '../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { CHROMIUM } from '../../media/test/whep/fixtures/offers.ts'
import { showProgress } from './rig/progress.ts'
import { quantile } from './rig/stats.ts'
import { end, post } from './rig/whep-client.ts'

const ROUNDS = 12
const POSTS = 25
const WARM_UP = 5
const UDP_PORTS = await takePorts(200)

const STATES = ['up', 'frozen', 'absent', 'up again'] as const

const dir = await mkdtemp(join(tmpdir(), 'dragonfork-bench-'))
const ingest = new Cutter(0)
await ingest.start()

async function startExporter(): Promise<Child> {
  const exporter = startChild('exporter/main.ts', {
    EXPORTER_ADDRESS: '127.0.0.1:0',
    EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
  })
  const web = await listening(exporter, 'web')
  ingest.aim(await listening(exporter, 'ingest'))
  await waitFor(async () => {
    const samples = await scrape(`http://127.0.0.1:${web}/metrics`)
    return valueOf(samples, 'dragonfork_exporter_media_connected') === 1
  }, 'the media process to connect')
  return exporter
}

/**
 * Brings the exporter from any state into `state`.
 * @returns the exporter, if it runs
 */
async function switchTo(
  state: (typeof STATES)[number],
  current: Child | undefined,
): Promise<Child | undefined> {
  current?.kill('SIGCONT')
  if (state === 'absent') {
    if (current !== undefined) await kill(current)
    return undefined
  }
  const exporter = current ?? (await startExporter())
  if (state === 'frozen') exporter.kill('SIGSTOP')
  return exporter
}

async function startMedia(): Promise<Child> {
  const processFile = join(dir, 'processes.json')
  await writeFile(processFile, JSON.stringify([testStream('bench')]))
  return startChild('media/main.ts', {
    CORE_ADDRESS: '127.0.0.1:0',
    CORE_DB_DIR: join(dir, 'data'),
    CORE_PROCESS_FILE: processFile,
    CORE_EXPORTER_URL: `ws://127.0.0.1:${ingest.port}/ingest`,
    CORE_WEBRTC_LISTEN_ADDRESSES: '127.0.0.1',
    CORE_WEBRTC_ANNOUNCED_ADDRESSES: '127.0.0.1',
    CORE_WEBRTC_UDP_MIN_PORT: String(UDP_PORTS.min),
    CORE_WEBRTC_UDP_MAX_PORT: String(UDP_PORTS.max),
    CORE_WEBRTC_WORKERS: '1',
  })
}

async function kill(child: Child): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

/** Opens a session and ends it; returns the milliseconds until the answer. */
async function open(endpoint: string): Promise<number> {
  const { ms, session } = await post(endpoint, CHROMIUM)
  await end(session)
  return ms
}

const media = await startMedia()
let exporter: Child | undefined
try {
  const port = await listening(media, 'web')
  const endpoint = `http://127.0.0.1:${port}/api/v3/whep/bench`
  exporter = await startExporter()
  await waitFor(() => open(endpoint).catch(() => undefined), 'RTP to arrive')

  const times = new Map(STATES.map(state => [state, [] as number[]]))
  for (let round = 0; round < ROUNDS; round += 1) {
    showProgress(`round ${round + 1} of ${ROUNDS}`)
    // Each state comes first, second, third and last equally often.
    const first = round % STATES.length
    for (const state of [...STATES.slice(first), ...STATES.slice(0, first)]) {
      exporter = await switchTo(state, exporter)
      for (let i = 0; i < WARM_UP; i += 1) await open(endpoint)
      for (let i = 0; i < POSTS; i += 1) {
        times.get(state)?.push(await open(endpoint))
      }
    }
  }

  showProgress('')
  const write = (line: string) => process.stdout.write(`${line}\n`)
  write(
    `${ROUNDS * POSTS} WHEP POSTs per state, in ${ROUNDS} rounds; milliseconds`,
  )
  write('  exporter       p50     p95     p99   ratio of p50 and p95 to up')
  const up = times.get('up') ?? []
  for (const [state, list] of times) {
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map(share =>
      quantile(list, share),
    )
    const ratios = [0.5, 0.95].map(share =>
      (quantile(list, share) / quantile(up, share)).toFixed(2),
    )
    const columns = [p50, p95, p99].map(ms => ms?.toFixed(2).padStart(7))
    write(`  ${state.padEnd(10)} ${columns.join(' ')}   ${ratios.join('  ')}`)
  }
} finally {
  await media.end()
  if (exporter !== undefined) await kill(exporter)
  await ingest.close()
  await rm(dir, { recursive: true, force: true })
}
