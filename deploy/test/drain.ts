/** The media process drains, with its real worker, FFmpeg and exporter. */
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { request } from 'undici'
import type { DrainStatus } from '../../media/whep/drain.ts'
import { CHROMIUM } from '../../media/test/whep/fixtures/offers.ts'
import { takePorts } from '../../shared/test/fixtures/ports.ts'
import { run } from '../../shared/test/fixtures/program.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { valueOf, webrtcValue, type Sample } from './fixtures/scrape.ts'
import {
  listening,
  startMedia,
  startStack,
  testStream,
  type Stack,
} from './fixtures/stack.ts'
import { WhepViewer } from './fixtures/whep-viewer.ts'

const UDP_PORTS = await takePorts(60)
const ROUTE = 'POST /api/v3/whep/{id}'
/** Longer than any test here: what ends earlier, has not waited for it. */
const LONG_MS = '600000'

function start(t: Test, media: Readonly<Record<string, string>> = {}) {
  return startStack(t, {
    udpPorts: UDP_PORTS,
    processes: [
      testStream('demo'),
      testStream('asleep', { on_demand: true, idle_seconds: 0 }),
    ],
    media,
  })
}

/** Sends the requests of a load balancer, an operator and a new viewer. */
function clientOf(url: string) {
  const send = async (
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: string,
    type = 'application/json',
  ) => {
    const answer = await request(url + path, {
      method,
      ...(body !== undefined && { body, headers: { 'content-type': type } }),
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }
  const drainPath = '/api/v3/webrtc/drain'
  return {
    send,
    codeOf: async (path: string) => (await send('GET', path)).status,
    post: async (id: string) => {
      const path = `/api/v3/whep/${id}`
      const { status } = await send('POST', path, CHROMIUM, 'application/sdp')
      return status
    },
    drain: async (drain: boolean, query = '') => {
      const body = JSON.stringify({ drain })
      const { status, text } = await send('PUT', drainPath + query, body)
      if (status !== 200) throw new Error(text)
    },
    status: async () =>
      JSON.parse((await send('GET', drainPath)).text) as DrainStatus,
  }
}

/** Opens a viewer of `demo` that plays. */
async function play(t: Test, { url }: Stack): Promise<WhepViewer> {
  const viewer = await waitFor(
    () => WhepViewer.open(t, `${url}/api/v3/whep/demo`).catch(() => undefined),
    'RTP has arrived',
  )
  await viewer.plays()
  return viewer
}

function postsOf(samples: readonly Sample[], id: string, code: number) {
  const labels = { route: ROUTE, code: String(code), stream_id: id }
  return webrtcValue(samples, 'whep_requests_total', labels) ?? 0
}

/** Runs the HEALTHCHECK of the image against the process. */
async function isHealthy({ url }: Stack): Promise<boolean> {
  const path = new URL('../images/media.Dockerfile', import.meta.url)
  const dockerfile = await readFile(path, 'utf8')
  const [, command = ''] =
    /^HEALTHCHECK .*\\\n +CMD (.*)$/m.exec(dockerfile) ?? []
  const [program = '', ...args] = JSON.parse(command) as readonly string[]
  const env = { CORE_ADDRESS: new URL(url).host }
  return (await run(program, args, { env })).code === 0
}

await t.test('a drained media process', async t => {
  const stack = await start(t)
  const client = clientOf(stack.url)
  const viewer = await play(t, stack)
  const scraped = (
    what: string,
    holds: (samples: readonly Sample[]) => boolean,
  ) =>
    waitFor(async () => {
      const samples = await stack.scrape()
      return holds(samples) && samples
    }, what)
  const before = await scraped('its POST', s => postsOf(s, 'demo', 201) > 0)
  const admitted = postsOf(before, 'demo', 201)
  const draining = (samples: readonly Sample[]) =>
    valueOf(samples, 'dragonfork_exporter_draining')

  await t.test(
    'keeps its viewer and refuses others, exactly counted',
    async t => {
      t.equal(draining(before), 0)
      await client.drain(true)
      for (const id of ['demo', 'asleep', 'demo']) {
        t.equal(await client.post(id), 503)
      }
      await viewer.plays(50)
      const samples = await scraped(
        'the refusals',
        s => postsOf(s, 'demo', 503) + postsOf(s, 'asleep', 503) >= 3,
      )
      t.equal(postsOf(samples, 'demo', 503), 2)
      t.equal(postsOf(samples, 'asleep', 503), 1)
      t.equal(postsOf(samples, 'demo', 201), admitted)
      t.equal(draining(samples), 1)
      t.equal(webrtcValue(samples, 'active_peers', { stream_id: 'demo' }), 1)
      for (const stream_id of ['demo', 'asleep']) {
        for (const scope of ['global', 'stream']) {
          const labels = { stream_id, scope }
          t.equal(webrtcValue(samples, 'cap_rejections_total', labels), 0)
        }
      }
      t.match(await client.status(), { draining: true, viewers_left: 1 })
    },
  )

  await t.test('does not start a stream on demand', async t => {
    const samples = await stack.scrape()
    t.equal(valueOf(samples, 'dragonfork_exporter_asleep_streams'), 1)
    const { text } = await client.send('GET', '/api/v3/process/asleep/state')
    t.match(JSON.parse(text), { exec: 'finished' })
    const starts = stack.media.records.filter(
      ({ message, process }) =>
        message === 'FFmpeg started' && process === 'asleep',
    )
    t.same(starts, [])
  })

  await t.test('is healthy for Docker, not for the load balancer', async t => {
    t.equal(await client.codeOf('/ping'), 503)
    t.equal(await client.codeOf('/ping?live'), 200)
    t.equal(await isHealthy(stack), true)
  })

  await t.test('is empty once its viewer has left', async t => {
    t.equal(await viewer.end(), 204)
    await waitFor(async () => (await client.status()).viewers_left === 0)
    await scraped(
      'the gauge',
      s => webrtcValue(s, 'active_peers', { stream_id: 'demo' }) === 0,
    )
  })

  await t.test('takes viewers again, until end_after', async t => {
    await client.drain(false)
    t.equal(await client.codeOf('/ping'), 200)
    const again = await play(t, stack)
    await client.drain(true, '?end_after=600')
    t.equal((await client.status()).viewers_left, 1)
    await client.drain(true, '?end_after=0')
    await waitFor(async () => (await client.status()).viewers_left === 0)
    t.equal(await again.end(), 204)
    t.equal(await client.post('demo'), 503)
    const samples = await scraped(
      'no viewer and no further port',
      s =>
        webrtcValue(s, 'active_peers', { stream_id: 'demo' }) === 0 &&
        webrtcValue(s, 'udp_ports_in_use') === 8,
    )
    for (const reason of ['timeout', 'disconnected', 'failed']) {
      const labels = { stream_id: 'demo', reason }
      t.equal(webrtcValue(samples, 'ice_failures_total', labels), 0, reason)
    }
  })

  await t.test('is in service again after a restart', async t => {
    t.equal(await stack.media.end(), 0)
    const media = await startMedia(t, stack.dir, {
      udpPorts: UDP_PORTS,
      processes: [testStream('demo')],
      media: { CORE_EXPORTER_URL: stack.ingestUrl },
    })
    const port = await listening(media, 'web')
    const restarted = clientOf(`http://127.0.0.1:${port}`)
    t.equal(await restarted.codeOf('/ping'), 200)
    t.match(await restarted.status(), { draining: false, since: null })
    await scraped('the gauge', s => draining(s) === 0)
  })
})

await t.test(
  'SIGTERM without CORE_SHUTDOWN_DRAIN_MS does not wait',
  async t => {
    const stack = await start(t)
    await play(t, stack)
    t.equal(await stack.media.end(), 0)
    t.notMatch(stack.media.output, 'drain started')
  },
)

await t.test('SIGTERM drains until the last viewer has left', async t => {
  const stack = await start(t, { CORE_SHUTDOWN_DRAIN_MS: LONG_MS })
  const client = clientOf(stack.url)
  const viewer = await play(t, stack)
  stack.media.kill('SIGTERM')
  await stack.media.printed('drain started')
  t.equal(await client.post('demo'), 503)
  t.equal(await client.codeOf('/ping'), 503)
  t.equal(await isHealthy(stack), true)
  await t.rejects(client.drain(false), /shutting-down/)
  await viewer.plays(50)
  t.equal(await viewer.end(), 204)
  t.equal(await stack.media.exited, 0)
  const samples = await stack.scrape()
  t.equal(postsOf(samples, 'demo', 503), 1, 'the last counts arrive')
})

await t.test('SIGTERM without viewers ends at once', async t => {
  const stack = await start(t, { CORE_SHUTDOWN_DRAIN_MS: LONG_MS })
  t.equal(await stack.media.end(), 0)
})

await t.test(
  'CORE_SHUTDOWN_DRAIN_MS ends the viewers that are left',
  async t => {
    // Long enough to see a viewer play meanwhile.
    const drainMs = 4_000
    const stack = await start(t, { CORE_SHUTDOWN_DRAIN_MS: String(drainMs) })
    const viewer = await play(t, stack)
    const startedMs = performance.now()
    stack.media.kill('SIGTERM')
    await viewer.plays(5)
    t.equal(await stack.media.exited, 0)
    t.ok(performance.now() - startedMs >= drainMs, 'it has waited')
  },
)

await t.test('a second SIGTERM ends a drain in order', async t => {
  const stack = await start(t, { CORE_SHUTDOWN_DRAIN_MS: LONG_MS })
  await play(t, stack)
  stack.media.kill('SIGTERM')
  await stack.media.printed('drain started')
  stack.media.kill('SIGTERM')
  t.equal(await stack.media.exited, 0)
  t.match(stack.media.output, '"message":"ended"')
})
