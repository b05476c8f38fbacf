/** POST: rows M1 to M15, S3 and S12 of media/whep/REQUIREMENTS.md. */
import t from 'tap'
import {
  answerOf,
  assertProblem,
  etagOf,
  locationOf,
} from './fixtures/assertions.ts'
import {
  CHROMIUM,
  DATA_CHANNEL,
  fragmentOf,
  GSTREAMER,
  OFFERS,
  onlySection,
  without,
} from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

const streamOf = (player: string) => (player === 'FIREFOX' ? 'vp8' : 'av')

for (const [player, offer] of Object.entries(OFFERS)) {
  t.test(
    `POST of ${player}'s offer answers 201 with the answer (M1)`,
    async t => {
      const server = await WhepServer.start(t)
      const response = await server.post(streamOf(player), offer)
      t.equal(response.status, 201)
      t.equal(response.headers.get('Content-Type'), 'application/sdp')
      t.match(locationOf(response), /^\/api\/v3\/whep\/\w+\/[\w-]{22,}$/)
      const { text, sdp } = await answerOf(response)
      t.match(text, /^v=0\r\n/)
      t.match(text, /\r\n$/)
      t.notMatch(text, /[^\r]\n/, 'every line ends with CRLF')
      const kinds = (sdp: string) => sdp.match(/^m=\w+/gm)
      t.same(kinds(text), kinds(offer), 'as many m= of the same kinds in order')
      t.equal(sdp.media.length, kinds(offer)?.length)
    },
  )
}

t.test('POST answers a strong ETag, unique per session (M2)', async t => {
  const server = await WhepServer.start(t)
  const [one, two] = [
    await server.post('av', CHROMIUM),
    await server.post('av', CHROMIUM),
  ]
  t.match(etagOf(one), /^"[\x21\x23-\x7e]+"$/)
  t.not(etagOf(one), etagOf(two))
})

for (const type of ['', 'text/plain', 'application/json']) {
  t.test(`POST with Content-Type "${type}" answers 415 (M3)`, async t => {
    const server = await WhepServer.start(t)
    // For a body of bytes, fetch sets no Content-Type by itself.
    const response = await server.request('/api/v3/whep/av', {
      method: 'POST',
      headers: type === '' ? {} : { 'Content-Type': type },
      body: new TextEncoder().encode(CHROMIUM),
    })
    await assertProblem(t, response, 415, 'media-type')
    t.equal(response.headers.get('Accept-Post'), 'application/sdp')
    t.equal(server.av.transports.length, 0)
    t.equal(server.slotsTaken, 0)
  })
}

for (const type of ['application/sdp; charset=utf-8', 'Application/SDP']) {
  t.test(`POST with Content-Type "${type}" answers 201 (M4)`, async t => {
    const server = await WhepServer.start(t)
    const response = await server.post('av', CHROMIUM, { 'Content-Type': type })
    t.equal(response.status, 201)
  })
}

const MALFORMED = {
  'empty body': '',
  hello: 'hello',
  'no m=': CHROMIUM.slice(0, CHROMIUM.indexOf('m=')),
  'no ice-ufrag': without(CHROMIUM, /^a=ice-ufrag/),
  'no ice-pwd': without(CHROMIUM, /^a=ice-pwd/),
  'no fingerprint': without(CHROMIUM, /^a=fingerprint/),
  'unknown fingerprint algorithm': CHROMIUM.replaceAll('sha-256', 'sha-7'),
  'short fingerprint': CHROMIUM.replaceAll(/:0D\r/g, '\r'),
  'no v=0': CHROMIUM.replace('v=0\r\n', ''),
  'broken m=': CHROMIUM.replace(/^m=.*$/m, 'm=video nine'),
  'no formats': CHROMIUM.replace(/^m=.*$/m, 'm=video 9 UDP/TLS/RTP/SAVPF'),
  'two of one mid': CHROMIUM.replace('a=mid:1', 'a=mid:0'),
  'a control character': CHROMIUM.replace('a=mid:1', 'a=mid:\x00'),
  'setup holdconn': CHROMIUM.replaceAll('actpass', 'holdconn'),
  'no rtcp-mux': without(CHROMIUM, /^a=rtcp-mux/),
  'no BUNDLE': without(CHROMIUM, /^a=group/),
}

for (const [what, offer] of Object.entries(MALFORMED)) {
  t.test(`POST of an offer with ${what} answers 400 (M5)`, async t => {
    const server = await WhepServer.start(t)
    const response = await server.post('av', offer)
    await assertProblem(t, response, 400, 'malformed-offer')
    t.equal(server.av.transports.length, 0)
    t.equal(server.slotsTaken, 0)
  })
}

t.test(
  'POST of a malformed offer answers 400 before any other error (M5)',
  async t => {
    const server = await WhepServer.start(t)
    const broken = without(CHROMIUM, /^a=fingerprint|H264/)
    const mismatched = await server.post('av', broken)
    await assertProblem(t, mismatched, 400, 'malformed-offer')
    t.equal(server.observations.count('codec_mismatches_total'), 0)
    server.av.live = false
    const early = await server.post('av', broken)
    await assertProblem(t, early, 400, 'malformed-offer')
  },
)

for (const direction of ['recvonly', 'sendrecv', '']) {
  t.test(
    `a section offered "${direction}" is answered sendonly (M6, M7)`,
    async t => {
      const server = await WhepServer.start(t)
      const offer =
        direction === ''
          ? without(CHROMIUM, /^a=recvonly/)
          : CHROMIUM.replaceAll('recvonly', direction)
      const { sdp, text } = await answerOf(await server.post('av', offer))
      t.same(
        sdp.media.map(media => media.direction),
        ['sendonly', 'sendonly'],
      )
      t.notMatch(text, /^a=(sendrecv|recvonly)/m)
    },
  )
}

for (const direction of ['sendonly', 'inactive']) {
  t.test(
    `a section offered ${direction} is rejected with port 0 (M8)`,
    async t => {
      const server = await WhepServer.start(t)
      const offer = CHROMIUM.replace('a=recvonly', `a=${direction}`)
      const { sdp, text } = await answerOf(await server.post('av', offer))
      t.same(
        sdp.media.map(media => media.port),
        [0, 9],
      )
      t.match(text, /^a=group:BUNDLE 1\r$/m)
      const none = CHROMIUM.replaceAll('recvonly', direction)
      const response = await server.post('av', none)
      await assertProblem(t, response, 400, 'malformed-offer')
    },
  )
}

t.test(
  'a bundle-only section with port 0 is accepted with port 9 (M9)',
  async t => {
    const server = await WhepServer.start(t)
    const { sdp } = await answerOf(await server.post('av', GSTREAMER))
    t.same(
      sdp.media.map(media => media.port),
      [9, 9],
    )
    t.same(sdp.groups?.[0]?.mids, 'video0 audio1')
  },
)

t.test('a section with port 0 and no bundle-only is rejected (M9)', async t => {
  const server = await WhepServer.start(t)
  const offer = without(GSTREAMER, /^a=bundle-only/)
  const { sdp } = await answerOf(await server.post('av', offer))
  t.same(
    sdp.media.map(media => media.port),
    [9, 0],
  )
})

t.test(
  'the answer bundles all sections on one rtcp-mux transport (M10, M11)',
  async t => {
    const server = await WhepServer.start(t)
    const offer = CHROMIUM.replace('BUNDLE 0 1', 'BUNDLE 0 1 2') + DATA_CHANNEL
    const { sdp, sections } = await answerOf(await server.post('av', offer))
    t.same(sdp.groups, [{ type: 'BUNDLE', mids: '0 1' }])
    const accepted = sections.slice(0, 2)
    for (const section of accepted) {
      t.match(section, /^a=rtcp-mux\r$/m)
      t.match(section, /^a=rtcp-mux-only\r$/m)
    }
    for (const name of ['ice-ufrag', 'ice-pwd', 'fingerprint', 'setup']) {
      const values = accepted.map(
        section => new RegExp(`^a=${name}:(.*)`, 'm').exec(section)?.[1],
      )
      t.type(values[0], 'string')
      t.equal(new Set(values).size, 1, `one ${name}`)
    }
  },
)

t.test(
  'the answer has no BUNDLE group if the offer has none (M10)',
  async t => {
    const server = await WhepServer.start(t)
    const offer = without(CHROMIUM, /^a=group/)
    const { sdp, text } = await answerOf(await server.post('video', offer))
    t.same(
      sdp.media.map(({ port, mid }) => [port, mid]),
      [
        [9, 0],
        [0, 1],
      ],
    )
    // Chromium rejects an answer that adds one.
    t.notMatch(text, /^a=group/m)
  },
)

t.test(
  "the BUNDLE group keeps the offer's order and tagged section (M10)",
  async t => {
    const server = await WhepServer.start(t)
    const own = { ufrag: 'own1', pwd: 'p'.repeat(22) }
    const [session = '', video = '', audio = ''] = CHROMIUM.split(/(?=^m=)/m)
    const offer =
      session.replace('BUNDLE 0 1', 'BUNDLE 1 0 1') +
      video +
      audio.replace('Fj3k', own.ufrag).replace(/(?<=ice-pwd:).*/, own.pwd)
    const response = await server.post('av', offer)
    const { sdp } = await answerOf(response)
    t.same(sdp.groups, [{ type: 'BUNDLE', mids: '1 0' }])
    const path = locationOf(response)
    const current = await server.patch(path, fragmentOf(offer, own), {
      'If-Match': '*',
    })
    t.equal(
      current.status,
      204,
      'the credentials of the tagged section are the current ones',
    )
    const restart = fragmentOf(offer, { ufrag: 'new1', pwd: 'n'.repeat(22) })
    const restarted = await server.patch(path, restart, { 'If-Match': '*' })
    t.match(await restarted.text(), /^m=audio 9 \S+ 111\r\na=mid:1\r$/m)
  },
)

t.test(
  'the answer has one MediaStream with one track per kind (M12)',
  async t => {
    const server = await WhepServer.start(t)
    const { sdp } = await answerOf(await server.post('av', CHROMIUM))
    const msids = sdp.media.map(media => media.msid?.[0])
    t.equal(new Set(msids.map(msid => msid?.id)).size, 1)
    t.same(
      msids.map(msid => msid?.appdata),
      ['video', 'audio'],
    )
    t.not(msids[0]?.id, '-')
  },
)

t.test('the answer contains all candidates (M13)', async t => {
  const server = await WhepServer.start(t)
  const { sdp } = await answerOf(await server.post('av', CHROMIUM))
  for (const media of sdp.media) {
    t.match(media.candidates, [{ ip: '192.0.2.7', port: 44000, type: 'host' }])
    t.equal(media.endOfCandidates, 'end-of-candidates')
  }
  t.equal(sdp.icelite, 'ice-lite')
})

t.test(
  'POST to an unknown stream answers 404 after the token check (M14)',
  async t => {
    const server = await WhepServer.start(t, {
      config: { whepToken: 'secret' },
    })
    const unauthorized = await server.post('unknown', CHROMIUM)
    await assertProblem(t, unauthorized, 401, 'token-missing')
    const response = await server.post('unknown', CHROMIUM, {
      Authorization: 'Bearer secret',
    })
    await assertProblem(t, response, 404, 'stream-unknown')
    t.equal(
      server.observations.count('whep_requests_total', {
        stream_id: '_unknown',
      }),
      2,
    )
  },
)

t.test('POST to a stream without RTP answers 409 (M15)', async t => {
  const server = await WhepServer.start(t)
  server.av.live = false
  const response = await server.post('av', CHROMIUM)
  await assertProblem(t, response, 409, 'stream-not-live')
  const seconds = Number(response.headers.get('Retry-After'))
  t.ok(seconds >= 1 && seconds <= 60)
})

t.test('a stream with one kind rejects the other section', async t => {
  const server = await WhepServer.start(t)
  const video = await answerOf(await server.post('video', CHROMIUM))
  t.same(
    video.sdp.media.map(media => media.port),
    [9, 0],
  )
  const audio = await answerOf(await server.post('audio', CHROMIUM))
  t.same(
    audio.sdp.media.map(media => media.port),
    [0, 9],
  )
  t.match(audio.text, /^a=group:BUNDLE 1\r$/m)
  t.match(audio.sections[1], /^a=candidate:/m)
  t.notMatch(audio.sections[0], /^a=candidate:/m)
  const alone = await server.post('av', onlySection('1'))
  t.equal(alone.status, 201)
})

t.test('session ids are long, URL-safe and unique (S3)', async t => {
  const server = await WhepServer.start(t)
  const ids = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const path = locationOf(await server.post('av', CHROMIUM))
    ids.add(path.split('/').at(-1) ?? '')
  }
  t.equal(ids.size, 1_000)
  for (const id of ids) {
    if (!/^[\w-]{22,}$/.test(id)) t.fail('an id is not URL-safe or too short')
  }
})

t.test('the answer has valid session-level lines (S12)', async t => {
  const server = await WhepServer.start(t)
  const one = await answerOf(await server.post('av', CHROMIUM))
  const two = await answerOf(await server.post('av', CHROMIUM))
  t.match(one.text, /^v=0\r\no=- \d+ 1 IN IP4 127\.0\.0\.1\r\ns=-\r\nt=0 0\r\n/)
  t.not(one.sdp.origin.sessionId, two.sdp.origin.sessionId)
  for (const section of one.sections)
    t.match(section, /^c=IN IP4 0\.0\.0\.0\r$/m)
})
