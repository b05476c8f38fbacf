/** Each reason of `dragonfork_probe_failure`, provoked. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { Relay } from '../../../media/test/fixtures/relay.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import {
  getProbe,
  startProbedStack,
  type ProbeAnswer,
} from '../fixtures/probed-stack.ts'
import { H264 } from '../sources/fixtures/ffmpeg.ts'
import { startExternalSender } from '../sources/fixtures/sender-path.ts'
import { listening, startExporter, testStream } from '../fixtures/stack.ts'
import { startWhepProxy } from '../fixtures/whep-proxy.ts'

t.setTimeout(280_000)

/** Seconds that the scrapes may take; probes end half a second earlier. */
const SHORT = { scrapeTimeout: 2.5 }
/** For probes that have to come to a phase, or last while others are made. */
const LONG = { scrapeTimeout: 8.5 }

const stack = await startProbedStack(t, {
  processes: [
    testStream('demo'),
    testStream('sparse', { video: { key_frame_seconds: 10 } }),
    // FFmpeg is frozen for longer than the minute after which it is restarted.
    { ...testStream('stuck'), stale_timeout_seconds: 3_600 },
    { ...testStream('stuck-too'), stale_timeout_seconds: 3_600 },
  ],
  // A leg that stands still is live throughout, so that probes of it last.
  media: { CORE_WEBRTC_LEG_TIMEOUT_MS: '600000' },
})
await stack.plays('demo')
for (const id of ['stuck', 'stuck-too']) {
  await stack.plays(id)
  const { pid } = await stack.media.logged(
    ({ message, process: name }) => message === 'FFmpeg started' && name === id,
  )
  process.kill(Number(pid), 'SIGSTOP')
}

/** Waits until `count` probes of the stream have a session. */
async function probed(id: string, count: number): Promise<void> {
  await waitFor(async () => {
    const { body } = await request(
      `${stack.url}/api/v3/webrtc/streams/${id}/peers`,
    )
    const peers = (await body.json()) as readonly { state: string }[]
    const connected = peers.filter(({ state }) => state === 'connected')
    return connected.length === count
  }, `${count} probes of ${id}`)
}

/** Starts a further exporter, which probes `url`, and returns its URL. */
async function startProber(t: Test, url: string, env = {}): Promise<string> {
  const exporter = startExporter(t, { EXPORTER_PROBE_URL: url, ...env })
  const prober = `http://127.0.0.1:${await listening(exporter, 'web')}`
  // The first probe starts the player process; if that takes too long, it is
  // killed and there is no result.
  await waitFor(async () => {
    const { status } = await getProbe(prober, 'nobody', { scrapeTimeout: 1 })
    return status === 200
  }, 'a player process')
  return prober
}

function hasFailed(
  t: Test,
  answer: ProbeAnswer,
  reason: string,
  phases: readonly string[],
): void {
  t.equal(answer.status, 200)
  t.equal(answer.success, 0)
  t.same(answer.failures, [reason])
  t.same(Object.keys(answer.seconds), phases)
}

t.test('stream_unknown: no stream has the id', async t => {
  hasFailed(t, await stack.probe('nobody'), 'stream_unknown', [])
  const { body } = await request(stack.metricsUrl)
  t.notMatch(await body.text(), '"nobody"')
})

t.test('refused: the media process does not know the token', async t => {
  const prober = await startProber(t, stack.url, {
    EXPORTER_INGEST_TOKEN: 'secret',
  })
  const guarded = await startProbedStack(t, {
    processes: [testStream('demo')],
    media: { CORE_EXPORTER_TOKEN: 'secret' },
    exporter: { EXPORTER_INGEST_TOKEN: 'secret' },
  })
  await guarded.plays('demo')
  const other = await startProber(t, guarded.url, {
    EXPORTER_INGEST_TOKEN: 'other',
  })
  hasFailed(t, await getProbe(other, 'demo'), 'refused', [])
  t.equal((await getProbe(prober, 'demo')).success, 1, 'local, needs no token')
})

t.test('unreachable: nothing listens, or never answers', async t => {
  const { min } = await takePorts(1)
  const away = await startProber(t, `http://127.0.0.1:${min}`)
  hasFailed(t, await getProbe(away, 'demo'), 'unreachable', [])
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const bound = silent.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('bound')
  const prober = await startProber(t, `http://127.0.0.1:${bound.port}`)
  hasFailed(t, await getProbe(prober, 'demo', SHORT), 'unreachable', [])
})

t.test('unreachable: the media process is frozen', async t => {
  process.kill(stack.media.pid, 'SIGSTOP')
  const answer = await stack.probe('demo', SHORT)
  process.kill(stack.media.pid, 'SIGCONT')
  hasFailed(t, answer, 'unreachable', [])
  await stack.plays('demo')
})

t.test('busy: a second probe of a stream, and a third probe', async t => {
  const first = stack.probe('stuck', LONG)
  await probed('stuck', 1)
  hasFailed(t, await stack.probe('stuck'), 'busy', [])
  const other = stack.probe('stuck-too', LONG)
  await probed('stuck-too', 1)
  hasFailed(t, await stack.probe('demo'), 'busy', [])
  for (const { failures } of [await first, await other]) {
    t.same(failures, ['no_rtp'])
  }
  await stack.plays('demo')
})

t.test('busy: other exporters use all probes of the media process', async t => {
  const another = await startProber(t, stack.url)
  const probes = ['stuck', 'stuck-too'].map(id => getProbe(another, id, LONG))
  await probed('stuck', 1)
  await probed('stuck-too', 1)
  hasFailed(t, await stack.probe('demo'), 'busy', [])
  for (const { failures } of await Promise.all(probes)) {
    t.same(failures, ['no_rtp'])
  }
})

t.test('no_ice: the announced address is wrong', async t => {
  const { probe } = await startProbedStack(t, {
    processes: [testStream('demo')],
    media: { CORE_WEBRTC_ANNOUNCED_ADDRESSES: '192.0.2.1' },
  })
  const answer = await waitFor(async () => {
    const found = await probe('demo', SHORT)
    return 'offer' in found.seconds && found
  }, 'a live stream')
  hasFailed(t, answer, 'no_ice', ['offer'])
})

t.test('no_dtls: a network passes STUN only', async t => {
  const proxy = await startWhepProxy(t, stack.url, async answer => {
    const candidate = /^(a=candidate:\S+ 1 udp \d+) (\S+) (\d+)/m.exec(answer)
    const [line = '', start = '', address = '', port = ''] = candidate ?? []
    // RFC 7983: the first byte of STUN is 0 to 3.
    const relay = await Relay.to(
      { protocol: 'udp', address, port: Number(port) },
      datagram => datagram.readUInt8(0) < 4,
    )
    t.teardown(() => {
      relay.close()
    })
    const { address: host, port: relayPort } = relay.address
    return answer.replaceAll(line, `${start} ${host} ${relayPort}`)
  })
  const prober = await startProber(t, proxy)
  const answer = await getProbe(prober, 'demo', LONG)
  hasFailed(t, answer, 'no_dtls', ['offer', 'ice'])
})

t.test('no_dtls: the certificate is not the one of the answer', async t => {
  const proxy = await startWhepProxy(t, stack.url, answer =>
    answer.replace(/(?<=a=fingerprint:sha-256 )../g, pair =>
      pair === '00' ? '11' : '00',
    ),
  )
  const prober = await startProber(t, proxy)
  const startMs = performance.now()
  const answer = await getProbe(prober, 'demo', { scrapeTimeout: 15 })
  hasFailed(t, answer, 'no_dtls', ['offer', 'ice'])
  t.ok(performance.now() - startMs < 14_500, 'before the timeout')
})

t.test('no_rtp: FFmpeg is frozen', async t => {
  const answer = await stack.probe('stuck', LONG)
  hasFailed(t, answer, 'no_rtp', ['offer', 'ice', 'dtls'])
})

t.test('no_key_frame: the next one is not due yet', async t => {
  await stack.plays('sparse')
  // Both the first RTP and the end of the probe are seconds from the next one.
  const answer = await stack.probe('sparse', { scrapeTimeout: 5 })
  hasFailed(t, answer, 'no_key_frame', ['offer', 'ice', 'dtls', 'first_rtp'])
})

t.test('no_key_frame: the media process sees video without one', async t => {
  const sender = await startExternalSender(t, {
    video: [...H264, '-g', '99999'],
  })
  // With the usual timeout of legs, a missing key frame is noticed early.
  const { probe } = await startProbedStack(t, {
    processes: [
      {
        id: 'no-key-frames',
        input: [],
        output: [],
        webrtc: { enabled: true, ...sender.webrtc, audio: { codec: 'none' } },
      },
    ],
  })
  // The stream is refused until the sender has started. mediasoup forwards no
  // video before a key frame. Without a player process there is no result.
  const early = ['refused', 'no_rtp']
  const answer = await waitFor(async () => {
    const found = await probe('no-key-frames', LONG)
    const isEarly = found.failures.some(each => early.includes(each))
    return found.status === 200 && !isEarly && found
  }, 'the media process to notice')
  hasFailed(t, answer, 'no_key_frame', ['offer', 'ice', 'dtls'])
})

t.test('a stream that is deleted during a probe ends it', async t => {
  const startMs = performance.now()
  const probe = stack.probe('stuck-too', { scrapeTimeout: 15 })
  await probed('stuck-too', 1)
  const { body } = await request(`${stack.url}/api/v3/process/stuck-too`, {
    method: 'DELETE',
  })
  await body.dump()
  hasFailed(t, await probe, 'no_rtp', ['offer', 'ice', 'dtls'])
  t.ok(performance.now() - startMs < 14_500, 'before the timeout')
  hasFailed(t, await stack.probe('stuck-too'), 'stream_unknown', [])
})

t.test('a media process that is killed during a probe fails it', async t => {
  const probe = stack.probe('stuck', LONG)
  await probed('stuck', 1)
  stack.media.kill('SIGKILL')
  hasFailed(t, await probe, 'no_rtp', ['offer', 'ice', 'dtls'])
  hasFailed(t, await stack.probe('stuck'), 'unreachable', [])
})
