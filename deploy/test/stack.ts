import t from 'tap'
import { request } from 'undici'
import { FAMILY_NAMES } from '../../shared/protocol/catalogue.ts'
import { webrtcValue, type Sample } from './fixtures/scrape.ts'
import { startStack, testStream } from './fixtures/stack.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { CHROMIUM, onlySection } from '../../media/test/whep/fixtures/offers.ts'
import { WhepViewer } from './fixtures/whep-viewer.ts'
import { takePorts } from '../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)
/**
 * An abandoned offer frees its place after this time. Until then five offers
 * are answered, and each viewer that plays has to connect.
 */
const ICE_TIMEOUT_MS = '8000'

const stack = await startStack(t, {
  udpPorts: UDP_PORTS,
  processes: [
    testStream('demo'),
    testStream('still', { video: { codec: 'none' } }),
    { ...testStream('off'), autostart: false },
  ],
  media: {
    CORE_WEBRTC_MAX_PEERS_TOTAL: '3',
    CORE_WEBRTC_MAX_PEERS_PER_STREAM: '2',
    CORE_WEBRTC_ICE_TIMEOUT_MS: ICE_TIMEOUT_MS,
  },
})
const demo = `${stack.url}/api/v3/whep/demo`

async function post(id: string, body: string, type = 'application/sdp') {
  const answer = await request(`${stack.url}/api/v3/whep/${id}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  })
  const text = await answer.body.text()
  const { location = '' } = answer.headers
  return { status: answer.statusCode, text, location: String(location) }
}

/** Waits for a scrape that `holds` accepts. */
function scraped(
  what: string,
  holds: (samples: readonly Sample[]) => boolean,
): Promise<readonly Sample[]> {
  return waitFor(async () => {
    const samples = await stack.scrape()
    return holds(samples) && samples
  }, what)
}

await scraped(
  'both streams run',
  samples => webrtcValue(samples, 'active_streams') === 2,
)

t.test('the first scrape has all eleven families', async t => {
  const { body } = await request(stack.metricsUrl)
  const types = (await body.text()).matchAll(
    /^# TYPE (dragonfork_webrtc_\S+)/gm,
  )
  t.strictSame(
    [...types].map(([, name]) => name).sort(),
    [...FAMILY_NAMES].sort(),
  )
})

t.test('a stream that never started has series at zero', async t => {
  const samples = await stack.scrape()
  for (const leg of ['video', 'audio']) {
    const labels = { stream_id: 'off', leg }
    t.equal(webrtcValue(samples, 'ffmpeg_leg_failures_total', labels), 0)
  }
})

t.test('a viewer is counted while it plays, and no longer', async t => {
  const samples = await scraped(
    'ports of two streams',
    s => webrtcValue(s, 'udp_ports_in_use') === 12,
  )
  t.equal(webrtcValue(samples, 'active_peers', { stream_id: 'demo' }), 0)
  const viewer = await waitFor(
    () => WhepViewer.open(t, demo).catch(() => undefined),
    'RTP has arrived',
  )
  await viewer.plays()
  const playing = await scraped(
    'the viewer',
    s => webrtcValue(s, 'active_peers', { stream_id: 'demo' }) === 1,
  )
  t.equal(webrtcValue(playing, 'udp_ports_in_use'), 13, 'one port per viewer')
  t.equal(await viewer.end(), 204)
  const deletes = (s: readonly Sample[]) =>
    webrtcValue(s, 'whep_requests_total', {
      route: 'DELETE /api/v3/whep/{id}/{r}',
      code: '204',
      stream_id: 'demo',
    })
  // A snapshot may arrive before the observations of the same moment.
  const after = await scraped(
    'no viewer, and its DELETE',
    s =>
      webrtcValue(s, 'active_peers', { stream_id: 'demo' }) === 0 &&
      webrtcValue(s, 'udp_ports_in_use') === 12 &&
      deletes(s) !== undefined,
  )
  t.equal(deletes(after), 1)
  t.equal(
    webrtcValue(after, 'ice_establishment_duration_seconds_count', {
      stream_id: 'demo',
      result: 'connected',
    }),
    1,
  )
})

t.test('a viewer with other payload types plays', async t => {
  const viewer = await WhepViewer.open(t, demo, { video: 121, audio: 63 })
  await viewer.plays()
  t.equal(await viewer.end(), 204)
})

t.test('each error has a status code and is counted', async t => {
  const before = await stack.scrape()
  const codes: [string, Promise<{ status: number }>, number][] = [
    ['demo', post('demo', 'hello'), 400],
    ['_unknown', post('nobody', CHROMIUM), 404],
    ['demo', post('demo', onlyH264Mode0(CHROMIUM)), 406],
    ['off', post('off', CHROMIUM), 409],
    ['demo', post('demo', 'v=0\r\n'.repeat(20_000)), 413],
    ['demo', post('demo', CHROMIUM, 'text/plain'), 415],
  ]
  for (const [, answer, code] of codes) t.equal((await answer).status, code)
  await scraped('a count of each error', samples =>
    codes.every(([stream, , code]) => {
      const labels = {
        route: 'POST /api/v3/whep/{id}',
        code: String(code),
        stream_id: stream,
      }
      const count = (s: readonly Sample[]) =>
        webrtcValue(s, 'whep_requests_total', labels) ?? 0
      return count(samples) === count(before) + 1
    }),
  )
  const mismatches = (samples: readonly Sample[]) =>
    webrtcValue(samples, 'codec_mismatches_total', {
      stream_id: 'demo',
      kind: 'video',
    }) ?? NaN
  t.equal(mismatches(await stack.scrape()), mismatches(before) + 1)
})

t.test(
  'caps answer 503 with their scope; abandoned offers time out',
  async t => {
    const audio = onlySection('1')
    const answers = [
      await post('demo', CHROMIUM),
      await post('demo', CHROMIUM),
      await post('demo', CHROMIUM),
      await post('still', audio),
      await post('still', audio),
    ]
    t.strictSame(
      answers.map(({ status }) => status),
      [201, 201, 503, 201, 503],
    )
    t.match(JSON.parse(answers[2]?.text ?? ''), { scope: 'stream', limit: 2 })
    t.match(JSON.parse(answers[4]?.text ?? ''), { scope: 'global', limit: 3 })
    const samples = await scraped(
      'two timeouts',
      s =>
        webrtcValue(s, 'ice_failures_total', {
          stream_id: 'demo',
          reason: 'timeout',
        }) === 2,
    )
    const rejected = (stream_id: string, scope: string) =>
      webrtcValue(samples, 'cap_rejections_total', { stream_id, scope })
    t.equal(rejected('demo', 'stream'), 1)
    t.equal(rejected('demo', 'global'), 0)
    t.equal(rejected('still', 'global'), 1)
    await scraped(
      'no peers',
      s => webrtcValue(s, 'active_peers', { stream_id: 'demo' }) === 0,
    )
  },
)

t.test('both processes print only JSON records', t => {
  t.strictSame(stack.media.stray, [])
  t.strictSame(stack.exporter.stray, [])
  t.end()
})

/** The offer with its only H264 payload type in packetization mode 0. */
function onlyH264Mode0(offer: string): string {
  return offer.replaceAll('packetization-mode=1', 'packetization-mode=0')
}
