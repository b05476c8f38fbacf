import { createServer } from 'node:net'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { request } from 'undici'
import type { StreamStatus } from '../../media/stream/status.ts'
import { CHROMIUM } from '../../media/test/whep/fixtures/offers.ts'
import { startChild, type Child } from '../../shared/test/fixtures/child.ts'
import type { LogRecord } from '../../shared/test/fixtures/memory-log.ts'
import { scrape, webrtcValue, valueOf, type Sample } from './fixtures/scrape.ts'
import {
  listening,
  startExporter,
  startMedia,
  startStack,
  testStream,
  type Stack,
} from './fixtures/stack.ts'
import { lives } from '../../shared/test/fixtures/program.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { WhepViewer } from './fixtures/whep-viewer.ts'
import { takePorts } from '../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)

/** A viewer of `demo`, once it can be opened. */
function playDemo(t: Test, stack: Stack): Promise<WhepViewer> {
  return waitFor(
    () =>
      WhepViewer.open(t, `${stack.url}/api/v3/whep/demo`).catch(
        () => undefined,
      ),
    'RTP has arrived',
  )
}

/** Sends POST `times` times for a stream that does not exist. */
async function askNobody(t: Test, url: string, times: number): Promise<void> {
  for (let sent = 0; sent < times; sent++) {
    const { statusCode, body } = await request(`${url}/api/v3/whep/nobody`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp' },
      body: CHROMIUM,
    })
    await body.dump()
    t.equal(statusCode, 404)
  }
}

async function workerPid(media: Child): Promise<number> {
  const started = (record: LogRecord) => record['message'] === 'worker started'
  await media.logged(started)
  return Number(media.records.findLast(started)?.['pid'])
}

/** More than CORE_WEBRTC_LEG_TIMEOUT_MS. */
const PAUSE_MS = 5_000

t.test('a paused media process counts no leg failure', async t => {
  const ids = ['one', 'two', 'three']
  const stack = await startStack(t, {
    udpPorts: UDP_PORTS,
    processes: ids.map(id => testStream(id)),
  })
  const statuses = async () => {
    const { body } = await request(`${stack.url}/api/v3/webrtc/streams`)
    return (await body.json()) as readonly StreamStatus[]
  }
  const packets = async () =>
    (await statuses()).flatMap(({ legs }) =>
      Object.values(legs).map(leg => (leg.state === 'live' ? leg.packets : 0)),
    )
  const allAbove = (least: readonly number[]) =>
    waitFor(async () => {
      const now = await packets()
      const isAbove = now.every((count, leg) => count > (least[leg] ?? 0))
      return now.length === 2 * ids.length && isAbove ? now : undefined
    }, 'RTP on all legs')

  // Enough to know the packet interval: before, a leg may be silent longer.
  const before = await allAbove(Array<number>(2 * ids.length).fill(200))
  process.kill(stack.media.pid, 'SIGSTOP')
  // The workers and FFmpeg keep running.
  await setTimeout(PAUSE_MS)
  process.kill(stack.media.pid, 'SIGCONT')
  await allAbove(before.map(count => count + 50))
  for (const { id, degraded } of await statuses()) {
    t.equal(degraded, false, `${id} is healthy`)
    for (const leg of ['video', 'audio']) {
      const labels = { stream_id: id, leg }
      const name = 'dragonfork_webrtc_ffmpeg_leg_failures_total'
      const count = valueOf(await stack.scrape(), name, labels)
      t.equal(count, 0, `${leg} of ${id} has not failed`)
    }
  }
})

t.test(
  'a start with bad settings names all of them and exits with code 2',
  async t => {
    const cases = [
      {
        script: 'media/main.ts',
        env: { CORE_ADDRESS: 'nowhere', CORE_WEBRTC_WORKERS: '0' },
      },
      {
        script: 'exporter/main.ts',
        env: { EXPORTER_ADDRESS: 'nowhere', EXPORTER_MAX_STREAMS: 'many' },
      },
    ]
    for (const { script, env } of cases) {
      for (const args of [[], ['--check-config']]) {
        const child = startChild(script, env, args)
        t.equal(await child.exited, 2, `${script} ${args.join('')}`)
        const problems = child.records.map(({ problem }) => String(problem))
        t.equal(problems.length, 2)
        for (const name of Object.keys(env)) {
          t.ok(
            problems.some(
              problem =>
                problem.startsWith(`${name}: `) && problem.includes('expected'),
            ),
            name,
          )
        }
      }
    }
  },
)

t.test(
  'a start with an address in use names it and exits with code 1',
  async t => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    t.teardown(() => other.close())
    const bound = other.address()
    const port = typeof bound === 'object' ? String(bound?.port) : ''
    const address = `127.0.0.1:${port}`
    const media = await startMedia(t, t.testdir(), {
      udpPorts: UDP_PORTS,
      media: { CORE_ADDRESS: address },
    })
    const exporter = startExporter(t, { EXPORTER_ADDRESS: address })
    for (const child of [media, exporter]) {
      t.equal(await child.exited, 1)
      const reason = String(child.records.at(-1)?.['reason'])
      t.match(reason, port)
      t.match(reason, /_ADDRESS/, 'names the setting to change')
    }
  },
)

t.test(
  'without FFmpeg the media process logs it, counts leg failures and serves',
  async t => {
    const stack = await startStack(t, {
      udpPorts: UDP_PORTS,
      processes: [testStream('demo')],
      media: { CORE_FFMPEG_BINARY: 'no-such-ffmpeg' },
    })
    const isComplaint = ({ reason }: LogRecord) =>
      String(reason).includes('no executable no-such-ffmpeg in PATH')
    await stack.media.logged(isComplaint)
    await waitFor(async () => {
      const samples = await stack.scrape()
      return ['video', 'audio'].every(leg => {
        const labels = { stream_id: 'demo', leg }
        return webrtcValue(samples, 'ffmpeg_leg_failures_total', labels) === 1
      })
    }, 'the failures of both legs')
    const { statusCode, body } = await request(`${stack.url}/`)
    await body.dump()
    t.equal(statusCode, 200)
  },
)

t.test('an exporter that starts late gets all observations', async t => {
  const { min: port } = await takePorts(1)
  const media = await startMedia(t, t.testdir(), {
    udpPorts: UDP_PORTS,
    processes: [testStream('demo')],
    media: { CORE_EXPORTER_URL: `ws://127.0.0.1:${port}/ingest` },
  })
  const url = `http://127.0.0.1:${await listening(media, 'web')}`
  await askNobody(t, url, 5)
  const exporter = startExporter(t, {
    EXPORTER_INGEST_ADDRESS: `127.0.0.1:${port}`,
  })
  const metrics = `http://127.0.0.1:${await listening(exporter, 'web')}/metrics`
  const labels = { code: '404', stream_id: '_unknown' }
  await waitFor(
    async () =>
      webrtcValue(await scrape(metrics), 'whep_requests_total', labels) === 5,
    'all five requests',
  )
})

t.test('observations survive a kill of both processes', async t => {
  const dir = t.testdir()
  const state = join(dir, 'state.json')
  // Reserved, since no exporter holds it between the kill and the next start.
  const { min: port } = await takePorts(1)
  const exporterEnv = {
    EXPORTER_STATE_FILE: state,
    EXPORTER_INGEST_ADDRESS: `127.0.0.1:${port}`,
  }
  let exporter = startExporter(t, exporterEnv)
  const start = async () => {
    const media = await startMedia(t, dir, {
      udpPorts: UDP_PORTS,
      media: { CORE_EXPORTER_URL: `ws://127.0.0.1:${port}/ingest` },
    })
    const url = `http://127.0.0.1:${await listening(media, 'web')}`
    return { media, url }
  }
  const counts = async (total: number) => {
    const metrics = `http://127.0.0.1:${await listening(exporter, 'web')}/metrics`
    const labels = { code: '404', stream_id: '_unknown' }
    const samples = await waitFor(async () => {
      const samples = await scrape(metrics)
      const shown = webrtcValue(samples, 'whep_requests_total', labels)
      return shown !== undefined && shown >= total && samples
    }, `${total} requests`)
    t.equal(webrtcValue(samples, 'whep_requests_total', labels), total)
    const refused = samples.filter(
      ({ name, value }) =>
        /_observations_(rejected|lost)_total$/.test(name) && value > 0,
    )
    t.strictSame(refused, [], 'nothing was rejected or lost')
  }

  let { media, url } = await start()
  await askNobody(t, url, 3)
  await counts(3)
  exporter.kill('SIGKILL')
  await exporter.exited
  await askNobody(t, url, 5)
  const spool = join(dir, 'data', 'outbox.jsonl')
  await waitFor(async () => {
    const text = await readFile(spool, 'utf8').catch(() => '')
    return text.includes('"total":8')
  }, 'the spool to have the unacknowledged observations')
  media.kill('SIGKILL')
  await media.exited
  // One that ends by SIGTERM keeps the spool, with its own observations.
  ;({ media, url } = await start())
  await askNobody(t, url, 2)
  await media.end()
  ;({ url } = await start())
  await askNobody(t, url, 1)
  exporter = startExporter(t, exporterEnv)
  await counts(11)
  await askNobody(t, url, 1)
  await counts(12)
  await waitFor(() => !existsSync(spool), 'the spool to be removed')
})

t.test('both processes log an error if their CORE_ID differs', async t => {
  const stack = await startStack(t, {
    udpPorts: UDP_PORTS,
    media: { CORE_ID: 'one' },
    exporter: { CORE_ID: 'other' },
  })
  const mentions = (record: LogRecord) =>
    record['level'] === 'error' && JSON.stringify(record).includes('CORE_ID')
  await stack.media.logged(mentions)
  await stack.exporter.logged(mentions)
  const refused = valueOf(
    await stack.scrape(),
    'dragonfork_exporter_observations_rejected_total',
    { reason: 'wrong_core' },
  )
  t.ok((refused ?? 0) > 0)
})

t.test(
  'after the death of a worker, viewers fail and streams come back',
  async t => {
    const stack = await startStack(t, {
      udpPorts: UDP_PORTS,
      processes: [testStream('demo')],
    })
    const viewer = await playDemo(t, stack)
    await viewer.plays()
    process.kill(await workerPid(stack.media), 'SIGKILL')
    await waitFor(async () => {
      const labels = { stream_id: 'demo', reason: 'failed' }
      return (
        webrtcValue(await stack.scrape(), 'ice_failures_total', labels) === 1
      )
    }, 'the viewer to be counted as failed')
    const next = await playDemo(t, stack)
    await next.plays()
    t.equal(await next.end(), 204)
    const after = await waitFor(async () => {
      const samples = await stack.scrape()
      return webrtcValue(samples, 'udp_ports_in_use') === 8 && samples
    }, 'the viewer ports to be released')
    for (const leg of ['video', 'audio']) {
      const labels = { stream_id: 'demo', leg }
      t.equal(webrtcValue(after, 'ffmpeg_leg_failures_total', labels), 0, leg)
    }
  },
)

t.test(
  'a frozen worker answers 504 and leaks nothing when it resumes',
  async t => {
    const stack = await startStack(t, {
      udpPorts: UDP_PORTS,
      processes: [testStream('demo')],
    })
    const viewer = await playDemo(t, stack)
    t.equal(await viewer.end(), 204)
    const pid = await workerPid(stack.media)
    process.kill(pid, 'SIGSTOP')
    const { statusCode, headers, body } = await request(
      `${stack.url}/api/v3/whep/demo`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/sdp' },
        body: CHROMIUM,
      },
    )
    process.kill(pid, 'SIGCONT')
    t.equal(statusCode, 504)
    t.equal(headers['content-type'], 'application/problem+json')
    t.match(await body.json(), { status: 504 })
    const timeouts = (samples: readonly Sample[]) =>
      webrtcValue(samples, 'ice_failures_total', {
        stream_id: 'demo',
        reason: 'timeout',
      }) ?? 0
    // The last snapshot may be older than the POST, and the next one may arrive
    // before its failure is counted.
    const samples = await waitFor(async () => {
      const scraped = await stack.scrape()
      return (
        timeouts(scraped) > 0 &&
        webrtcValue(scraped, 'udp_ports_in_use') === 8 &&
        scraped
      )
    }, 'the failure, and the viewer ports to be released')
    t.equal(timeouts(samples), 1)
    t.equal(webrtcValue(samples, 'active_peers', { stream_id: 'demo' }), 0)
    const next = await playDemo(t, stack)
    await next.plays()
    t.equal(await next.end(), 204)
  },
)

t.test('SIGTERM leaves no process behind', async t => {
  const stack = await startStack(t, {
    udpPorts: UDP_PORTS,
    processes: [testStream('demo')],
  })
  const viewer = await playDemo(t, stack)
  const ffmpeg = await stack.media.logged(
    ({ message }) => message === 'FFmpeg started',
  )
  const pids = [await workerPid(stack.media), Number(ffmpeg['pid'])]
  t.equal(await stack.media.end(), 0)
  t.equal(await stack.exporter.end(), 0)
  viewer.vanish()
  for (const pid of pids) {
    await waitFor(() => !lives(pid), `process ${pid} to end`)
  }
  t.strictSame(
    stack.media.records.filter(({ level }) => level === 'error'),
    [],
  )
})
