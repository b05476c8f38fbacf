import t from 'tap'
import { testStream } from './fixtures/stack.ts'
import { WhepViewer } from './fixtures/whep-viewer.ts'
import { webrtcValue } from './fixtures/scrape.ts'
import { startProbedStack } from './fixtures/probed-stack.ts'

const stack = await startProbedStack(t, {
  processes: [
    testStream('h264'),
    testStream('vp8', { video: { codec: 'vp8' } }),
    testStream('voice', { video: { codec: 'none' } }),
    testStream('mute', { audio: { codec: 'none' } }),
  ],
  media: {
    CORE_EXPORTER_TOKEN: 'secret',
    CORE_WEBRTC_MAX_PEERS_TOTAL: '1',
  },
  exporter: { EXPORTER_INGEST_TOKEN: 'secret' },
})
await stack.plays('h264')
// The one viewer that the cap allows.
const viewer = await WhepViewer.open(t, `${stack.url}/api/v3/whep/h264`)
await t.rejects(WhepViewer.open(t, `${stack.url}/api/v3/whep/h264`), /503/)

for (const id of ['h264', 'vp8']) {
  t.test(`a probe plays ${id} with sound`, async t => {
    const { seconds, packets, failures } = await stack.plays(id)
    t.same(failures, [])
    t.ok(packets['video'] && packets['audio'])
    t.same(Object.keys(seconds), [
      'offer',
      'ice',
      'dtls',
      'first_rtp',
      'first_key_frame',
    ])
  })
}

t.test('a probe plays a stream of audio only', async t => {
  const { seconds, packets } = await stack.plays('voice')
  t.ok(packets['audio'])
  t.equal(packets['video'], 0)
  t.notOk('first_key_frame' in seconds)
})

t.test('a probe plays a stream of video only', async t => {
  const { packets } = await stack.plays('mute')
  t.ok(packets['video'])
  t.equal(packets['audio'], 0)
})

t.test('probes are no viewers', async t => {
  await viewer.plays()
  const samples = await stack.scrape()
  t.equal(webrtcValue(samples, 'active_peers', { stream_id: 'h264' }), 1)
  for (const id of ['vp8', 'voice', 'mute']) {
    t.equal(webrtcValue(samples, 'active_peers', { stream_id: id }), 0)
  }
  const posts = samples.filter(
    ({ name, labels, value }) =>
      name === 'dragonfork_webrtc_whep_requests_total' &&
      labels['route']?.startsWith('POST') === true &&
      value > 0,
  )
  t.same(
    posts.map(({ labels, value }) => [
      labels['stream_id'],
      labels['code'],
      value,
    ]),
    [
      ['h264', '201', 1],
      ['h264', '503', 1],
    ],
  )
})
