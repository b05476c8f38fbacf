/** The SDP answer: the rows "Answer" of media/whep/REQUIREMENTS.md. */
import t, { type Test } from 'tap'
import { answerOf } from './fixtures/assertions.ts'
import { candidate } from './fixtures/fake-viewer-stream.ts'
import {
  CHROMIUM,
  DATA_CHANNEL,
  FIREFOX,
  GSTREAMER,
  OBS,
  without,
} from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

/** The answer of the stream `id` to `offer`, if there is one. */
async function answer(t: Test, offer: string, id = 'av') {
  const server = await WhepServer.start(t)
  const response = await server.post(id, offer)
  t.equal(response.status, 201)
  return await answerOf(response)
}

const [SESSION = '', VIDEO = '', AUDIO = ''] = CHROMIUM.split(/(?=^m=)/m)
const TRANSPORT = /^a=(ice-ufrag|ice-pwd|fingerprint|setup)/
const TRANSPORT_LINES = CHROMIUM.split('\r\n')
  .filter(line => TRANSPORT.test(line))
  .slice(0, 4)
  .map(line => `${line}\r\n`)
  .join('')

t.test('the answer uses the payload types of the offer', async t => {
  const numbers = async (offer: string, id: string) =>
    (await answer(t, offer, id)).sdp.media.map(({ payloads }) => payloads)
  t.same(await numbers(CHROMIUM, 'av'), ['108 109', '111'])
  t.same(await numbers(FIREFOX, 'vp8'), ['109', '120 124'])
  t.same(await numbers(OBS, 'av'), ['111', '96'])
  t.same(await numbers(GSTREAMER, 'av'), ['101', '96'])
})

t.test(
  'every accepted section has ssrc and cname, and rtx as an FID group',
  async t => {
    const { sections } = await answer(t, CHROMIUM)
    t.match(sections[0], /^a=ssrc:11110001 cname:cname-1\r$/m)
    t.match(sections[0], /^a=ssrc:11110002 cname:cname-1\r$/m)
    t.match(sections[0], /^a=ssrc-group:FID 11110001 11110002\r$/m)
    t.match(sections[1], /^a=ssrc:\d+ cname:cname-1\r$/m)
  },
)

t.test(
  'the answer lists only extensions that are sent, with the offered ids',
  async t => {
    const { sdp } = await answer(t, CHROMIUM)
    const twcc =
      'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'
    for (const { ext } of sdp.media) t.same(ext, [{ value: 4, uri: twcc }])
  },
)

for (const [offered, answered, role] of [
  ['actpass', 'passive', 'client'],
  ['active', 'passive', 'client'],
  ['passive', 'active', 'server'],
] as const) {
  t.test(`setup:${offered} is answered with ${answered}`, async t => {
    const server = await WhepServer.start(t)
    const offer = CHROMIUM.replaceAll('setup:actpass', `setup:${offered}`)
    const { sdp } = await answerOf(await server.post('av', offer))
    for (const { setup } of sdp.media) t.equal(setup, answered)
    t.equal(server.av.last.request.dtlsParameters.role, role)
  })
}

t.test(
  'transport attributes are read from session or tagged section',
  async t => {
    const bare = without(CHROMIUM, TRANSPORT)
    await answer(t, bare.replace('t=0 0\r\n', `t=0 0\r\n${TRANSPORT_LINES}`))
    await answer(t, SESSION + VIDEO + without(AUDIO, TRANSPORT))
    // Also if the tagged section is rejected.
    await answer(t, SESSION + VIDEO + without(AUDIO, TRANSPORT), 'audio')
  },
)

t.test('the answer has one sha-256 fingerprint in upper case', async t => {
  const { sdp } = await answer(t, CHROMIUM)
  for (const { fingerprint } of sdp.media) {
    t.same(fingerprint, { type: 'sha-256', hash: 'AB:'.repeat(31) + 'AB' })
  }
})

for (const [algorithm, bytes] of [
  ['sha-1', 20],
  ['sha-224', 28],
  ['sha-384', 48],
  ['SHA-512', 64],
] as const) {
  t.test(`an offered ${algorithm} fingerprint is accepted`, async t => {
    const hash = Array<string>(bytes).fill('c0').join(':')
    await answer(t, CHROMIUM.replaceAll(/sha-256 .*/g, `${algorithm} ${hash}`))
  })
}

t.test('rejected sections keep their place, mid and formats', async t => {
  const offer =
    SESSION.replace('BUNDLE 0 1', 'BUNDLE 2 0 1') + DATA_CHANNEL + AUDIO + VIDEO
  const { sections, sdp } = await answer(t, offer, 'video')
  t.same(
    sdp.media.map(({ type, port, mid }) => [type, port, mid]),
    [
      ['application', 0, 2],
      ['audio', 0, 1],
      ['video', 9, 0],
    ],
  )
  t.same(sdp.groups, [{ type: 'BUNDLE', mids: '0' }])
  t.match(sections[0], /^a=sctp-port:5000\r$/m)
  t.match(sections[1], /^m=audio 0 \S+ 111 63 9 0 8 13 110 126\r$/m)
  for (const section of sections) t.match(section, /^c=IN IP4 0\.0\.0\.0\r$/m)
})

t.test(
  'accepted sections carry all candidates, rejected ones none',
  async t => {
    const server = await WhepServer.start(t)
    server.video.candidates = [
      candidate('192.0.2.7', 44000, 'udp'),
      candidate('2001:db8::7', 44000, 'udp'),
      candidate('192.0.2.7', 44001, 'tcp'),
    ]
    const response = await server.post('video', CHROMIUM)
    const { sections } = await answerOf(response)
    const lines = sections[0]?.match(/^a=candidate:.*(?=\r$)/gm)
    t.match(lines, [
      / 1 udp \d+ 192\.0\.2\.7 44000 typ host$/,
      / 1 udp \d+ 2001:db8::7 44000 typ host$/,
      / 1 tcp \d+ 192\.0\.2\.7 44001 typ host tcptype passive$/,
    ])
    t.notMatch(sections[1], /candidate/)
  },
)

t.test(
  'ICE credentials contain only ALPHA and DIGIT, for GStreamer',
  async t => {
    const { sdp } = await answer(t, GSTREAMER)
    for (const { iceUfrag, icePwd } of sdp.media) {
      t.match(String(iceUfrag), /^[a-z0-9]{4,}$/i)
      t.match(String(icePwd), /^[a-z0-9]{22,}$/i)
    }
  },
)

for (const fmtp of [
  'profile-level-id=640c1f;packetization-mode=1',
  'packetization-mode=1',
  'Packetization-Mode=1; Profile-Level-Id=42E01F',
]) {
  t.test(`the answer repeats the offered fmtp ${fmtp}`, async t => {
    const offer = CHROMIUM.replace(/^(a=fmtp:108 ).*$/m, `$1${fmtp}`).replace(
      /^a=(rtpmap|fmtp):(39|102) .*\r\n/gm,
      '',
    )
    const { text } = await answer(t, offer)
    t.ok(text.includes(`a=fmtp:108 ${fmtp}\r\n`))
  })
}

t.test('the answer lists the rtcp-fb that both sides support', async t => {
  const feedback = async (offer: string) =>
    (await answer(t, offer)).sections[0]?.match(
      /(?<=^a=rtcp-fb:108 ).*(?=\r$)/gm,
    )
  t.same(await feedback(CHROMIUM), [
    'nack',
    'nack pli',
    'ccm fir',
    'transport-cc',
  ])
  t.equal(await feedback(without(CHROMIUM, /^a=rtcp-fb/)), null)
  const any = without(CHROMIUM, /^a=rtcp-fb/).replace(
    'a=rtpmap:108',
    'a=rtcp-fb:* nack pli\r\na=rtpmap:108',
  )
  t.same(await feedback(any), ['nack pli'])
})

for (const [what, offer] of Object.entries({
  LF: CHROMIUM.replaceAll('\r\n', '\n'),
  CR: CHROMIUM.replaceAll('\r\n', '\r'),
  'no line end at the end': CHROMIUM.trimEnd(),
  'empty lines at the end': `${CHROMIUM}\r\n\r\n`,
})) {
  t.test(`an offer with ${what} is answered with CRLF`, async t => {
    const { text } = await answer(t, offer)
    t.match(text, /^v=0\r\n/)
    t.match(text, /[^\r\n]\r\n$/)
    t.notMatch(text, /[^\r]\n|\r[^\n]/)
  })
}
