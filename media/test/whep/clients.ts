/** What players need: rows C1 to C15 of media/whep/REQUIREMENTS.md. */
import t from 'tap'
import {
  answerOf,
  assertProblem,
  etagOf,
  locationOf,
} from './fixtures/assertions.ts'
import { CHROMIUM, DATA_CHANNEL, fragmentOf, OBS } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const SAME = fragmentOf(CHROMIUM)
const NEW = { ufrag: 'newU', pwd: 'new-password-of-22-chars' }
const RESTART = fragmentOf(CHROMIUM, NEW)

t.test('every response exposes its headers to pages (C1)', async t => {
  const server = await WhepServer.start(t)
  const post = await server.post('av', CHROMIUM)
  const path = locationOf(post)
  const responses = [
    post,
    await server.patch(path, RESTART, { 'If-Match': '*' }),
    await server.patch(path, SAME),
    await server.request(path, { method: 'PUT' }),
    await server.request(path),
    await server.request(path, { method: 'OPTIONS' }),
    await server.request(path, { method: 'DELETE' }),
    await server.post('unknown', CHROMIUM),
    await server.post('av', 'hello'),
    await server.request('/nowhere'),
    await server.request('/api/v3/whep/', { method: 'POST' }),
    await server.request('/api/v3/whep/av/and/more'),
  ]
  const exposed =
    'Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, ' +
    'WWW-Authenticate'
  for (const response of responses) {
    const value = response.headers.get('Access-Control-Expose-Headers') ?? ''
    for (const name of exposed.split(', ')) {
      t.ok(value.split(', ').includes(name), `${response.status}: ${name}`)
    }
    t.equal(response.headers.get('Access-Control-Allow-Origin'), '*')
  }
})

t.test('a wrong address answers a 404 that pages can read (C1)', async t => {
  const server = await WhepServer.start(t)
  for (const path of ['/api/v3/whep', '/api/v3/whep/', '/api/v3/whep/a/b/c']) {
    const preflight = await server.request(path, { method: 'OPTIONS' })
    t.equal(preflight.status, 200)
    t.equal(preflight.headers.get('Access-Control-Allow-Origin'), '*')
    t.match(preflight.headers.get('Access-Control-Allow-Methods'), /POST/)
    const response = await server.request(path, { method: 'POST' })
    await assertProblem(t, response, 404, 'not-found')
  }
})

t.test('Location is an absolute path below the base path (C2)', async t => {
  const server = await WhepServer.start(t, {
    config: { publicBasePath: '/live' },
  })
  const path = locationOf(await server.post('av', CHROMIUM))
  t.match(path, /^\/live\/api\/v3\/whep\/av\/[\w-]+$/)
  const patched = await server.patch(path, SAME, { 'If-Match': '*' })
  t.equal(patched.status, 204, 'the path with the base path is served')
  const stripped = path.replace('/live', '')
  const deleted = await server.request(stripped, { method: 'DELETE' })
  t.equal(deleted.status, 204, 'the path without it is served too')
  t.equal(server.av.last.closed, true)
})

t.test('a stream id is encoded in Location (C2)', async t => {
  const server = await WhepServer.start(t)
  const { FakeViewerStream } = await import('./fixtures/fake-viewer-stream.ts')
  const odd = new FakeViewerStream('cam:1@home', { video: 'h264' })
  server.streams.byId.set(odd.id, odd)
  const path = locationOf(await server.post('cam:1@home', CHROMIUM))
  const deleted = await server.request(path, { method: 'DELETE' })
  t.equal(deleted.status, 204)
  t.equal(odd.last.closed, true)
})

t.test('PATCH and DELETE work without a token (C3)', async t => {
  const server = await WhepServer.start(t, { config: { whepToken: 'secret' } })
  const path = locationOf(
    await server.post('av', CHROMIUM, { Authorization: 'Bearer secret' }),
  )
  const patched = await server.patch(path, SAME, { 'If-Match': '*' })
  t.equal(patched.status, 204)
  t.equal((await server.request(path, { method: 'DELETE' })).status, 204)
  t.equal(server.av.last.closed, true)
})

t.test(
  'PATCH with If-Match * and unchanged credentials is trickle (C4)',
  async t => {
    const server = await WhepServer.start(t)
    const path = locationOf(await server.post('av', CHROMIUM))
    const patched = await server.patch(path, SAME, { 'If-Match': '*' })
    t.equal(patched.status, 204)
    t.equal(server.av.last.restarts, 0)
  },
)

t.test('PATCH with If-Match "*" matches any ETag (C5)', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const patched = await server.patch(path, RESTART, { 'If-Match': '"*"' })
  t.equal(patched.status, 200)
})

const SHAPES = {
  'credentials alone': SAME.replace(/m=[^]*$/, ''),
  'm= with port 0': SAME.replace('video 9', 'video 0'),
  'mid as an index': SAME.replace('a=mid:0', 'a=mid:1'),
  'a named mid': SAME.replace('a=mid:0', 'a=mid:video'),
  'LF line ends': SAME.replaceAll('\r\n', '\n'),
  'a leading v=0': `v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n${SAME}`,
  'end-of-candidates first': `a=end-of-candidates\r\n${SAME}`,
  'credentials in the section': SAME.replace(
    /^(a=ice-ufrag.*\r\na=ice-pwd.*\r\n)(m=.*\r\n)/,
    '$2$1',
  ),
}

for (const [what, body] of Object.entries(SHAPES)) {
  t.test(`PATCH of a fragment with ${what} is accepted (C6)`, async t => {
    const server = await WhepServer.start(t)
    const response = await server.post('av', CHROMIUM)
    const path = locationOf(response)
    const patched = await server.patch(path, body, {
      'If-Match': etagOf(response),
    })
    t.equal(patched.status, 204)
  })
}

t.test('many PATCHes with one candidate each answer 204 (C6)', async t => {
  const server = await WhepServer.start(t)
  const path = locationOf(await server.post('av', CHROMIUM))
  const statuses = await Promise.all(
    Array.from({ length: 60 }, async () => {
      return (await server.patch(path, SAME, { 'If-Match': '*' })).status
    }),
  )
  t.same([...new Set(statuses)], [204])
})

t.test('an ICE restart without m= answers a single candidate (C6)', async t => {
  const server = await WhepServer.start(t)
  const { candidate } = await import('./fixtures/fake-viewer-stream.ts')
  server.av.candidates = [
    candidate('192.0.2.7', 44000, 'udp'),
    candidate('2001:db8::7', 44000, 'udp'),
    candidate('192.0.2.7', 44001, 'tcp'),
  ]
  const path = locationOf(await server.post('av', CHROMIUM))
  const bare = `a=ice-ufrag:${NEW.ufrag}\r\na=ice-pwd:${NEW.pwd}\r\n`
  const candidates = async (body: string) => {
    const response = await server.patch(path, body, { 'If-Match': '*' })
    return (await response.text()).match(/^a=candidate:.*$/gm) ?? []
  }
  // whip-whep joins several with commas, which is invalid SDP.
  t.match(await candidates(bare), [/udp .* 192\.0\.2\.7 44000 /])
  const other = fragmentOf(CHROMIUM, { ufrag: 'x', pwd: 'y'.repeat(22) })
  t.equal((await candidates(other)).length, 3)
  server.av.last.remoteAddress = '2001:db8::20'
  t.match(await candidates(bare), [/udp .* 2001:db8::7 44000 /])
})

t.test('OPTIONS without Origin lists PATCH (C7)', async t => {
  const server = await WhepServer.start(t)
  const response = await server.request('/api/v3/whep/av', {
    method: 'OPTIONS',
  })
  t.match(response.headers.get('Access-Control-Allow-Methods'), /PATCH/)
})

t.test('OPTIONS carries Link for ICE servers only (C8)', async t => {
  const server = await WhepServer.start(t, {
    config: { iceServers: [{ url: 'stun:stun.example:3478' }] },
  })
  const response = await server.request('/api/v3/whep/av', {
    method: 'OPTIONS',
  })
  t.equal(
    response.headers.get('Link'),
    '<stun:stun.example:3478>; rel="ice-server"',
  )
})

t.test('an offer without candidates on port 9 answers 201 (C9)', async t => {
  const server = await WhepServer.start(t)
  t.notMatch(CHROMIUM, /a=candidate/)
  t.equal((await server.post('av', CHROMIUM)).status, 201)
})

t.test('a data channel section is rejected in place (C10)', async t => {
  const server = await WhepServer.start(t)
  const offer = CHROMIUM.replace('BUNDLE 0 1', 'BUNDLE 0 1 2') + DATA_CHANNEL
  const { sections } = await answerOf(await server.post('av', offer))
  t.match(
    sections[2],
    /^m=application 0 UDP\/DTLS\/SCTP webrtc-datachannel\r\n/,
  )
  t.match(sections[2], /^a=mid:2\r$/m)
  t.match(sections[2], /^a=sctp-port:5000\r$/m)
})

t.test(
  'an offered kind that the stream lacks is rejected, with 201 (C11)',
  async t => {
    const server = await WhepServer.start(t)
    const response = await server.post('video', CHROMIUM)
    t.equal(response.status, 201)
    const { sections } = await answerOf(response)
    t.match(
      sections[1],
      /^m=audio 0 UDP\/TLS\/RTP\/SAVPF 111 63 9 0 8 13 110 126\r\n/,
    )
    t.equal(server.observations.count('codec_mismatches_total'), 0)
  },
)

t.test(
  'only malformed bodies answer 400, and no error carries SDP (C12, C13)',
  async t => {
    const server = await WhepServer.start(t, {
      caps: { total: 0, perStream: 1 },
    })
    await server.post('av', CHROMIUM)
    server.vp8.live = false
    const rejected = [
      await server.post('unknown', CHROMIUM),
      await server.post('vp8', CHROMIUM),
      await server.post('av', CHROMIUM),
      await server.post('av', CHROMIUM.replaceAll('H264', 'H265')),
    ]
    t.same(
      rejected.map(response => response.status),
      [404, 409, 503, 406],
    )
    for (const response of rejected) {
      t.equal(response.headers.get('Content-Type'), 'application/problem+json')
      t.notMatch(await response.text(), /v=0/)
    }
  },
)

t.test('of two video sections only the first is accepted (C14)', async t => {
  const server = await WhepServer.start(t)
  const [session = '', video = '', audio = ''] = CHROMIUM.split(/(?=^m=)/m)
  const second = video.replace('a=mid:0', 'a=mid:2')
  const offer =
    session.replace('BUNDLE 0 1', 'BUNDLE 0 1 2') + video + audio + second
  const { sdp } = await answerOf(await server.post('av', offer))
  t.same(
    sdp.media.map(media => media.port),
    [9, 9, 0],
  )
})

const MUNGED = {
  'payload types from 30 to 63': CHROMIUM.replaceAll(/\b111\b/g, '35'),
  'multiopus beside opus': CHROMIUM.replace(
    'a=rtpmap:63 red/48000/2',
    'a=rtpmap:63 multiopus/48000/6',
  ),
  L16: CHROMIUM.replace('a=rtpmap:9 G722/8000', 'a=rtpmap:9 L16/8000'),
  'stereo PCMA': CHROMIUM.replace('PCMA/8000', 'PCMA/8000/2'),
  'rtcp-fb nack for opus': CHROMIUM.replace(
    'a=rtcp-fb:111 transport-cc',
    'a=rtcp-fb:111 nack',
  ),
}

for (const [what, offer] of Object.entries(MUNGED)) {
  t.test(`an offer with ${what} answers 201 (C15)`, async t => {
    const server = await WhepServer.start(t)
    t.equal((await server.post('av', offer)).status, 201)
  })
}

t.test("the answer keeps OBS's named mids (C15)", async t => {
  const server = await WhepServer.start(t)
  const { text, sdp } = await answerOf(await server.post('av', OBS))
  t.equal(sdp.groups?.[0]?.mids, 'audio video')
  t.match(text, /^a=mid:audio\r$/m)
  t.notMatch(text, /a=group:LS/)
  t.match(text, /^a=ssrc:\d+ cname:/m)
  t.notMatch(text, /a=extmap/)
})
