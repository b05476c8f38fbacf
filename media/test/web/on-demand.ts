/** Streams that start on demand, through the whole media process. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { wholeApp, type WholeApp } from '../fixtures/whole-app.ts'
import { CHROMIUM } from '../whep/fixtures/offers.ts'

requireFfmpeg(t)

async function ffmpegThatSendsNothing(t: Test): Promise<string> {
  return fakeProgram(await temporaryFolder(t), 'fake-ffmpeg', 'exec sleep 99')
}
t.setTimeout(280_000)

/** Time enough for FFmpeg to start, and for tests, on a busy machine. */
const PATIENT = {
  CORE_WEBRTC_ON_DEMAND_TIMEOUT_MS: '60000',
  CORE_WEBRTC_ICE_TIMEOUT_MS: '120000',
}
const IMPATIENT = { CORE_WEBRTC_ON_DEMAND_TIMEOUT_MS: '1500' }

const PICTURE = {
  address: 'testsrc2=size=320x180:rate=15',
  options: ['-re', '-f', 'lavfi'],
}
const TONE = {
  address: 'sine=frequency=440:sample_rate=48000',
  options: ['-re', '-f', 'lavfi'],
}
const NOBODY = { address: 'tcp://127.0.0.1:9', options: [] }

interface Camera {
  readonly input?: readonly object[]
  readonly idle_seconds?: number
  readonly reconnect?: boolean
  readonly reconnect_delay_seconds?: number
}

/** A process `cam` that starts on demand, and what its viewers do. */
async function camera(
  app: WholeApp,
  { input = [PICTURE, TONE], idle_seconds = 0, ...config }: Camera = {},
) {
  const added = await app.call('POST', '/api/v3/process', {
    id: 'cam',
    input,
    output: [],
    ...config,
    webrtc: { enabled: true, on_demand: true, idle_seconds },
  })
  if (added.status !== 200) throw new Error(added.text)
  const send = (init: RequestInit, headers: Record<string, string> = {}) =>
    fetch(`${app.origin}/api/v3/whep/cam`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', ...headers },
      body: CHROMIUM,
      ...init,
    })
  const post = (signal?: AbortSignal) => send({ ...(signal && { signal }) })
  const probe = () => send({}, { 'Dragonfork-Probe': '1' })
  const leave = async (response: Response) => {
    const location = response.headers.get('Location') ?? ''
    await fetch(app.origin + location, { method: 'DELETE' })
  }
  return { post, probe, leave, ...observe(app) }
}

function observe(app: WholeApp) {
  const state = async () => {
    const { text } = await app.call('GET', '/api/v3/webrtc/streams')
    return /"state":"(\w+)"/.exec(text)?.[1]
  }
  return {
    state,
    until: (expected: string) =>
      waitFor(async () => (await state()) === expected, expected),
    exec: async () => {
      const { text } = await app.call('GET', '/api/v3/process/cam/state')
      return /"exec":"(\w+)"/.exec(text)?.[1]
    },
    command: (command: string) =>
      app.call('PUT', '/api/v3/process/cam/command', { command }),
    /** How often FFmpeg was started. */
    starts: () =>
      app.logged.filter(line => line.includes('"FFmpeg started"')).length,
    failures: () =>
      app.logged.filter(line => line.includes('"leg failed"')).length,
  }
}

async function detailOf(t: Test, response: Response): Promise<string> {
  t.equal(response.status, 409)
  t.equal(response.headers.get('Retry-After'), '2')
  t.equal(response.headers.get('Content-Type'), 'application/problem+json')
  const problem = (await response.json()) as {
    detail: string
    on_demand: boolean
  }
  t.equal(problem.on_demand, true)
  return problem.detail
}

t.test('20 POSTs at once start FFmpeg once, and it stops after', async t => {
  const app = await wholeApp(t, PATIENT)
  const cam = await camera(app)
  t.equal(await cam.state(), 'asleep')
  t.equal(await cam.exec(), 'finished')
  t.equal(cam.starts(), 0)
  const responses = await Promise.all(
    Array.from({ length: 20 }, () => cam.post()),
  )
  t.same(new Set(responses.map(({ status }) => status)), new Set([201]))
  const { text } = await app.call('GET', '/api/v3/webrtc/streams')
  t.notMatch(text, 'starting', 'video and audio are live')
  t.equal(await cam.exec(), 'running')
  t.equal(cam.starts(), 1)
  await Promise.all(responses.map(cam.leave))
  await cam.until('asleep')
  await waitFor(async () => (await cam.exec()) === 'finished')
  t.equal(cam.failures(), 0)
  const next = await cam.post()
  t.equal(next.status, 201, 'it starts again')
  t.equal(cam.starts(), 2)
})

t.test('a probe neither starts FFmpeg nor keeps it running', async t => {
  const app = await wholeApp(t, PATIENT)
  const cam = await camera(app)
  const refused = await cam.probe()
  t.equal(refused.status, 409)
  t.match(await refused.json(), { asleep: true, detail: /asleep/ })
  t.equal(await cam.state(), 'asleep')
  t.equal(cam.starts(), 0)
  const viewer = await cam.post()
  t.equal(viewer.status, 201)
  t.equal((await cam.probe()).status, 201)
  await cam.leave(viewer)
  await cam.until('asleep')
  await waitFor(async () => (await cam.exec()) === 'finished')
  t.same(await app.get('/api/v3/webrtc/streams/cam/peers'), [])
  t.equal((await cam.probe()).status, 409)
  t.equal(cam.starts(), 1)
})

t.test('viewers that come within the idle time keep FFmpeg', async t => {
  const app = await wholeApp(t, PATIENT)
  const cam = await camera(app, { idle_seconds: 600 })
  const both = await Promise.all([cam.post(), cam.post()])
  await Promise.all(both.map(cam.leave))
  t.equal(await cam.state(), 'live', 'it is idle, not asleep')
  const back = await Promise.all([cam.post(), cam.post()])
  t.same(
    back.map(({ status }) => status),
    [201, 201],
  )
  t.equal(cam.starts(), 1)
})

t.test('a camera that refuses the connection gets 409 with it', async t => {
  const app = await wholeApp(t, IMPATIENT)
  const cam = await camera(app, {
    input: [NOBODY],
    idle_seconds: 600,
    reconnect: true,
    reconnect_delay_seconds: 0,
  })
  await detailOf(t, await cam.post())
  await waitFor(() => cam.failures() > 0 && cam.starts() > 1, 'a retry')
  const detail = await detailOf(t, await cam.post())
  t.match(detail, /within 1.5 s of the request: FFmpeg ended: Connection refu/)
  t.notMatch(detail, '127.0.0.1', 'viewers see no address')
  t.equal(cam.failures(), 2, 'each leg has failed once')
})

t.test('an FFmpeg that is not retried gets 409 at once', async t => {
  const app = await wholeApp(t, PATIENT)
  const cam = await camera(app, { input: [NOBODY] })
  const one = await detailOf(t, await cam.post())
  t.equal(
    one,
    'The stream could not be started: FFmpeg ended: Connection refused',
  )
  await cam.until('asleep')
  t.ok(await detailOf(t, await cam.post()))
  t.equal(cam.starts(), 2, 'each POST tries it')
})

t.test('an FFmpeg that does not exist gets 409', async t => {
  const folder = await temporaryFolder(t)
  const app = await wholeApp(t, {
    ...PATIENT,
    CORE_FFMPEG_BINARY: join(folder, 'no-ffmpeg'),
  })
  const cam = await camera(app)
  t.match(await detailOf(t, await cam.post()), 'FFmpeg could not be started')
})

t.test('a client that hangs up lets the stream fall asleep', async t => {
  const app = await wholeApp(t, {
    ...PATIENT,
    CORE_WEBRTC_MAX_PEERS_PER_STREAM: '1',
    CORE_FFMPEG_BINARY: await ffmpegThatSendsNothing(t),
  })
  const cam = await camera(app)
  const client = new AbortController()
  const waiting = cam.post(client.signal)
  await waitFor(() => cam.starts() === 1)
  t.equal((await cam.post()).status, 503, 'a waiting viewer has a place')
  client.abort()
  await t.rejects(waiting)
  await cam.until('asleep')
  await waitFor(async () => (await cam.exec()) !== 'running')
  t.equal(cam.failures(), 0, 'no leg has failed')
})

for (const [end, during] of Object.entries({
  stop: (cam: Awaited<ReturnType<typeof camera>>) => cam.command('stop'),
  delete: (_: unknown, app: WholeApp) =>
    app.call('DELETE', '/api/v3/process/cam'),
})) {
  t.test(`a POST that waits gets 409 on ${end} of the process`, async t => {
    const app = await wholeApp(t, {
      ...PATIENT,
      CORE_FFMPEG_BINARY: await ffmpegThatSendsNothing(t),
    })
    const cam = await camera(app)
    const waiting = cam.post()
    await waitFor(() => cam.starts() === 1)
    await during(cam, app)
    t.match(
      await detailOf(t, await waiting),
      'process of the stream is stopped',
    )
    if (end !== 'stop') return
    t.equal(await cam.state(), 'stopped')
    t.match(await detailOf(t, await cam.post()), 'is stopped')
    await cam.command('start')
    t.equal(await cam.state(), 'asleep')
    t.equal(cam.starts(), 1)
  })
}

t.test('a POST waits through a restart and an update', async t => {
  const app = await wholeApp(t, PATIENT)
  const cam = await camera(app, { input: [NOBODY], reconnect: true })
  const waiting = cam.post()
  await waitFor(() => cam.starts() > 0)
  const before = cam.starts()
  await cam.command('restart')
  await waitFor(() => cam.starts() > before)
  await app.call('PUT', '/api/v3/process/cam', { input: [PICTURE, TONE] })
  t.equal((await waiting).status, 201)
})

t.test('viewers survive an update, and it sleeps after them', async t => {
  const app = await wholeApp(t, PATIENT)
  const cam = await camera(app)
  const viewer = await cam.post()
  await app.call('PUT', '/api/v3/process/cam', { reference: 'changed' })
  await cam.until('live')
  const { text } = await app.call('GET', '/api/v3/webrtc/streams/cam/peers')
  t.match(text, '"state":"offered"')
  t.equal(cam.starts(), 2)
  await cam.leave(viewer)
  await cam.until('asleep')
})

t.test('a shutdown answers a POST that waits with 503', async t => {
  const app = await wholeApp(t, {
    ...PATIENT,
    CORE_FFMPEG_BINARY: await ffmpegThatSendsNothing(t),
  })
  const cam = await camera(app)
  const waiting = cam.post()
  await waitFor(() => cam.starts() === 1)
  await app.close()
  t.equal((await waiting).status, 503)
})

t.test('an offer that cannot be answered starts nothing', async t => {
  const app = await wholeApp(t, PATIENT)
  const cam = await camera(app)
  const response = await fetch(`${app.origin}/api/v3/whep/cam`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp' },
    body: 'v=0',
  })
  t.equal(response.status, 400)
  t.equal(await cam.state(), 'asleep')
  t.equal(cam.starts(), 0)
})
