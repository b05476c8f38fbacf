import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { ffmpeg, keepFeeding } from './fixtures/feed.ts'
import { startStack, testStream } from './fixtures/stack.ts'
import { listenLocal } from '../../shared/test/fixtures/listen-local.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { WhepViewer } from './fixtures/whep-viewer.ts'
import { takePorts } from '../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)

async function port(): Promise<number> {
  return (await takePorts(1)).min
}

const dir = t.testdir()
const movie = join(dir, 'movie.mp4')
const hls = join(dir, 'index.m3u8')
const CODECS = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '15']
const LOOPED = ['-re', '-stream_loop', '-1', '-i', movie]

await ffmpeg([
  ...['-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=15:duration=6'],
  ...['-f', 'lavfi', '-i', 'sine=frequency=440:duration=6'],
  ...[...CODECS, '-pix_fmt', 'yuv420p', '-c:a', 'aac', movie],
])
await ffmpeg(['-i', movie, '-c', 'copy', '-hls_list_size', '0', hls])

/** Serves the files of `dir` like a web server with an HLS stream. */
async function serveFiles(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    readFile(join(dir, basename(request.url ?? ''))).then(
      content => response.end(content),
      () => response.writeHead(404).end(),
    )
  })
  return `http://127.0.0.1:${await listenLocal(t, server)}`
}

interface Input {
  readonly address: string
  readonly options?: readonly string[]
}

/** Each starts its source on loopback and returns how FFmpeg reads it. */
const INPUTS: Readonly<Record<string, (t: Test) => Promise<Input> | Input>> = {
  file: () => ({ address: movie, options: ['-re', '-stream_loop', '-1'] }),
  hls: async t => ({
    address: `${await serveFiles(t)}/index.m3u8`,
    options: ['-re'],
  }),
  rtmp: async t => {
    const address = `rtmp://127.0.0.1:${await port()}/live/a`
    const copy = ['-c', 'copy', '-f', 'flv', '-listen', '1']
    keepFeeding(t, [...LOOPED, ...copy, address])
    return { address }
  },
  srt: async t => {
    const address = `srt://127.0.0.1:${await port()}`
    const copy = ['-c', 'copy', '-f', 'mpegts']
    keepFeeding(t, [...LOOPED, ...copy, `${address}?mode=listener`])
    return { address: `${address}?mode=caller` }
  },
  rtsp: async t => {
    // FFmpeg cannot serve RTSP to players, but it can receive a push.
    const address = `rtsp://127.0.0.1:${await port()}/a`
    const copy = ['-c', 'copy', '-f', 'rtsp', '-rtsp_transport', 'tcp']
    keepFeeding(t, [...LOOPED, ...copy, address])
    return { address, options: ['-rtsp_flags', 'listen'] }
  },
}

for (const [kind, open] of Object.entries(INPUTS)) {
  t.test(`a stream from ${kind} plays with picture and sound`, async t => {
    const stack = await startStack(t, {
      udpPorts: UDP_PORTS,
      processes: [
        {
          id: kind,
          input: [await open(t)],
          output: [],
          reconnect: true,
          reconnect_delay_seconds: 1,
          webrtc: { enabled: true },
        },
      ],
    })
    const viewer = await waitFor(
      () =>
        WhepViewer.open(t, `${stack.url}/api/v3/whep/${kind}`).catch(
          () => undefined,
        ),
      'RTP has arrived',
      60_000,
    )
    await viewer.plays(60)
    t.equal(await viewer.end(), 204)
  })
}

t.test('a stream with options for its encoders plays', async t => {
  const stack = await startStack(t, {
    udpPorts: UDP_PORTS,
    processes: [
      testStream('options', {
        video: { options: ['-preset', 'fast', '-vf', 'hflip'] },
        audio: { options: ['-c:a', 'opus', '-strict', '-2'] },
      }),
    ],
  })
  const viewer = await waitFor(
    () =>
      WhepViewer.open(t, `${stack.url}/api/v3/whep/options`).catch(
        () => undefined,
      ),
    'RTP has arrived',
    60_000,
  )
  await viewer.plays(60)
  t.equal(await viewer.end(), 204)
})

t.test('a stream says which device its encoder lacks', async t => {
  const stack = await startStack(t, {
    udpPorts: UDP_PORTS,
    processes: [
      testStream('vaapi', {
        video: {
          options: ['-c:v', 'h264_vaapi', '-vf', 'format=nv12,hwupload'],
        },
      }),
    ].map(process => ({
      ...process,
      options: ['-vaapi_device', '/dev/dri/none'],
    })),
  })
  await waitFor(async () => {
    const response = await request(`${stack.url}/api/v3/webrtc/streams`)
    return (await response.body.text()).includes(
      'video: h264_vaapi cannot start: No VA display found for device ' +
        '/dev/dri/none',
    )
  }, 'a degraded_reason with the device')
})
