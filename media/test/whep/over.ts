/** WHEP on a stream whose FFmpeg has ended for good: row M15. */
import { cleanup } from 'node-datachannel'
import t from 'tap'

import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { wholeApp } from '../fixtures/whole-app.ts'
import { assertProblem } from './fixtures/assertions.ts'
import { CHROMIUM } from './fixtures/offers.ts'
import { Peer } from '../fixtures/peer.ts'

requireFfmpeg(t)
t.teardown(cleanup)
t.setTimeout(120_000)

const VIEWER = {
  video: { payloadType: 108, codec: 'H264' },
  audio: { payloadType: 111 },
} as const
const OVER = 'FFmpeg has ended and is not started again'

await t.test(
  'POST answers 409 when FFmpeg has ended for good (M15)',
  async t => {
    const app = await wholeApp(t)
    const endpoint = new URL('/api/v3/whep/once', app.origin)
    const post = () =>
      fetch(endpoint, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp' },
        body: CHROMIUM,
      })
    const stream = async () => {
      const [only] = (await app.get('/api/v3/webrtc/streams')) as {
        readonly state: string
        readonly peers: number
        readonly started_at: number | null
      }[]
      return only
    }
    const exec = async () => {
      const { exec } = (await app.get('/api/v3/process/once/state')) as {
        readonly exec: string
      }
      return exec
    }
    const isOver = async () => {
      const { detail } = (await (await post()).json()) as {
        readonly detail: string
      }
      return detail === OVER
    }

    const input = (seconds: number) => [
      {
        id: 'picture',
        address: `testsrc2=size=320x180:rate=15:duration=${seconds}`,
        options: ['-re', '-f', 'lavfi'],
      },
      {
        id: 'tone',
        address: `sine=sample_rate=48000:duration=${seconds}`,
        options: ['-re', '-f', 'lavfi'],
      },
    ]
    await app.call('POST', '/api/v3/process', {
      id: 'once',
      input: input(6),
      output: [],
      reconnect: false,
      webrtc: { enabled: true },
    })
    await waitFor(async () => (await stream())?.state === 'live')
    const peer = new Peer(VIEWER)
    t.teardown(() => {
      peer.close()
    })
    t.equal(await peer.view(endpoint), 201)
    await peer.plays()

    await waitFor(async () => (await exec()) === 'finished')
    await waitFor(isOver)
    const refused = await post()
    t.ok(refused.headers.get('Retry-After'))
    await assertProblem(t, refused, 409, 'stream-not-live')
    const over = await stream()
    t.equal(over?.peers, 1, 'the viewer keeps its session')
    t.match(over?.state, /^(?:stopped|failed)$/)

    // After a start, the stream waits for RTP and then plays again.
    await app.call('PUT', '/api/v3/process/once/command', { command: 'start' })
    await waitFor(async () => (await post()).status === 201)
    t.equal((await stream())?.state, 'live')
  },
)

await t.test(
  'POST answers 409 when FFmpeg never started and will not (M15)',
  async t => {
    const app = await wholeApp(t)
    const add = (more: object) =>
      app.call('POST', '/api/v3/process', {
        id: 'never',
        input: [{ id: 'in', address: '/nonexistent.mp4', options: [] }],
        output: [],
        reconnect: false,
        webrtc: { enabled: true },
        ...more,
      })
    const detail = async () => {
      const response = await fetch(`${app.origin}/api/v3/whep/never`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp' },
        body: CHROMIUM,
      })
      t.equal(response.status, 409)
      return ((await response.json()) as { readonly detail: string }).detail
    }
    await add({})
    await waitFor(async () => (await detail()) === OVER)
    t.match(await app.get('/api/v3/webrtc/streams'), [{ state: 'failed' }])

    await app.call('DELETE', '/api/v3/process/never')
    await add({ reconnect: true, reconnect_delay_seconds: 600 })
    await waitFor(async () => {
      const streams = await app.get('/api/v3/webrtc/streams')
      return JSON.stringify(streams).includes('failed')
    })
    t.equal(
      await detail(),
      'No RTP has arrived yet',
      'a stream that is still retried is not over',
    )
  },
)
