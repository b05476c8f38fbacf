/**
 * The bundle's Prometheus against both processes: a healthy run is quiet, the
 * alerts of webrtc-alerts.yml fire when their faults are made for real, and
 * under all that traffic every query of the dashboard has an answer.
 */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { request } from 'undici'
import { verdictQuery } from '../../dashboard/verdict.ts'
import {
  eventually,
  startMedia,
  startStack,
  testStream,
} from '../fixtures/stack.ts'
import { makeOffer } from '../../verify/offer.ts'
import { WhepViewer } from '../fixtures/whep-viewer.ts'
import {
  startBundlePrometheus,
  type Answer,
} from './fixtures/bundle-prometheus.ts'
import { queriesOf, readDashboard } from './fixtures/dashboard.ts'
import { requireProgram } from './fixtures/program.ts'

const CORE = 'dragonfork-local'
/** Abandoned viewers fail by then: slower than the 3 seconds of the alert. */
const ICE_TIMEOUT_MS = 3_500
const STACK = {
  udpPort: 41_200,
  processes: [testStream('demo')],
  media: {
    CORE_WEBRTC_UDP_MAX_PORT: '41299',
    CORE_WEBRTC_ICE_TIMEOUT_MS: String(ICE_TIMEOUT_MS),
    CORE_WEBRTC_MAX_PEERS_PER_STREAM: '8',
  },
}

/**
 * Does `work` again and again, each time when the last one is done, for as
 * long as `meanwhile` takes.
 */
async function keepDoing<Value>(
  pauseMs: number,
  work: () => Promise<unknown>,
  meanwhile: () => Promise<Value>,
): Promise<Value> {
  let isOver = false
  const run = async () => {
    while (!isOver) {
      await work()
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  }
  const running = run()
  try {
    return await Promise.race([meanwhile(), running.then(neverFirst)])
  } finally {
    isOver = true
    await running
  }
}

function neverFirst(): never {
  throw new Error('The work ended before its time')
}

/** Pids of the children of a process that run `program`. */
async function childrenOf(pid: number, program: string) {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const pids = list.trim().split(' ').filter(Boolean)
  const names = await Promise.all(
    pids.map(child => readFile(`/proc/${child}/comm`, 'utf8')),
  )
  return pids.map(Number).filter((_, i) => names[i]?.trim() === program)
}

t.test('the bundle on real traffic', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const stack = await startStack(t, STACK)
  const endpoint = `${stack.url}/api/v3/whep/demo`
  const prometheus = await startBundlePrometheus(t, {
    target: new URL(stack.metricsUrl).host,
    core: CORE,
  })
  const offer = makeOffer()
  const post = async (id: string, body: string) => {
    const answer = await request(`${stack.url}/api/v3/whep/${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp' },
      body,
    })
    await answer.body.dump()
    return answer.statusCode
  }
  const ask = (expr: string) =>
    prometheus.query(
      expr
        .replaceAll('$core', CORE)
        .replaceAll('$stream', '.*')
        .replaceAll('$__rate_interval', '15s')
        .replaceAll('$__range', '5m'),
    )
  const verdict = async () =>
    Number((await ask(verdictQuery()))[0]?.value[1] ?? NaN)

  await t.test('viewers that come and go raise nothing', async t => {
    await eventually('a stream to watch', () =>
      WhepViewer.open(t, endpoint)
        .then(viewer => viewer.end())
        .catch(() => undefined),
    )
    const comeAndGo = async () => {
      const viewer = await WhepViewer.open(t, endpoint)
      await viewer.plays()
      t.equal(await viewer.end(), 204)
    }
    // Longer than the alerts' windows and waits together, in hurried minutes.
    await keepDoing(2_000, comeAndGo, () =>
      eventually(
        'scrapes for 30 seconds',
        async () => {
          const [up] = await prometheus.query('count_over_time(up[5m])')
          return Number(up?.value[1] ?? 0) > 30
        },
        120_000,
      ),
    )
    // The exporter counts as down until Prometheus has scraped it once.
    const fired = 'max_over_time(ALERTS{alertstate="firing"}[25s])'
    t.strictSame(await prometheus.query(fired), [])
    t.equal(await verdict(), 0, 'the first line says OK')
  })

  await WhepViewer.open(t, endpoint)

  await t.test(
    'errors at two a second, viewers that never connect',
    async t => {
      const err = () =>
        Promise.all([post('nobody', offer), post('demo', offer)])
      const [errors, failing, slow] = await keepDoing(500, err, () =>
        Promise.all([
          prometheus.fires('WebRTCWHEPErrorRateHigh'),
          prometheus.fires('WebRTCICEFailureRateHigh'),
          prometheus.fires('WebRTCICEEstablishmentSlow'),
        ]),
      )
      t.equal(errors.labels['core'], CORE)
      t.equal(errors.labels['stream_id'], '_unknown')
      t.equal(failing.labels['core'], CORE)
      t.equal(failing.labels['stream_id'], 'demo')
      t.equal(slow.labels['core'], CORE)
      t.equal(slow.labels['stream_id'], 'demo')
      t.ok((await verdict()) > 0, 'the first line says so')
    },
  )

  await t.test('an FFmpeg that is killed', async t => {
    const [pid] = await childrenOf(stack.media.pid, 'ffmpeg')
    t.ok(pid, 'FFmpeg runs')
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
    const { labels } = await prometheus.fires('WebRTCFFmpegLegFailure')
    t.equal(labels['core'], CORE)
    t.equal(labels['severity'], 'critical')
    t.equal(await verdict(), 4, 'the first line says so')
    await prometheus.ends('WebRTCFFmpegLegFailure')
  })

  await t.test('every query of the dashboard has an answer', async t => {
    await post('demo', offer.replaceAll('packetization-mode=1', 'x=0'))
    const codes = await Promise.all(
      Array.from({ length: 12 }, () => post('demo', offer)),
    )
    t.ok(codes.includes(503), 'the cap is reached')
    stack.media.kill('SIGKILL')
    await stack.media.exited
    await startMedia(t, stack.dir, {
      ...STACK,
      media: { ...STACK.media, CORE_EXPORTER_URL: stack.ingestUrl },
    })
    const dashboard = await readDashboard('dragonfork-webrtc-health.json')
    const marks = dashboard.annotations?.list.map(({ name }) => name)
    for (const { where, expr } of queriesOf(dashboard)) {
      // A mark is drawn wherever it was in the time shown.
      const shown = marks?.includes(where)
        ? `max_over_time((${expr})[5m:1s])`
        : expr
      const answers = await eventually(where, async () => {
        const found = await ask(shown)
        return found.some(isNumber) && found
      })
      t.ok(answers.length > 0, `${where}: ${answers.length} series`)
    }
  })
})

function isNumber({ value }: Answer): boolean {
  return Number.isFinite(Number(value[1]))
}
