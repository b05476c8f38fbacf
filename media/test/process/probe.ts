import { execFile, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

import { listenLocal } from '../../../shared/test/fixtures/listen-local.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import { processApi } from '../fixtures/process-api.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'

requireFfmpeg(t)

const PROBE = '/probe'
const VIDEO = ['-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=25']
const AUDIO = ['-f', 'lavfi', '-i', 'sine']

/** Encodes four seconds into a file. */
async function clip(
  t: { teardown(done: () => Promise<void>): void },
  name: string,
  args: readonly string[],
): Promise<string> {
  const path = join(await temporaryFolder(t), name)
  const all = ['-v', 'error', ...args, '-t', '4', '-y', path]
  await promisify(execFile)('ffmpeg', all)
  return path
}

/** Pids of ffprobe processes that have `part` in their arguments. */
function ffprobes(part: string): readonly string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return line.includes('ffprobe') && line.includes(part)
    } catch {
      return false
    }
  })
}

/** Waits for a datagram at a UDP port. */
async function datagramAt(port: number): Promise<void> {
  const socket = createSocket('udp4').bind(port, '127.0.0.1')
  await once(socket, 'message')
  socket.close()
  await once(socket, 'close')
}

/** A TCP server that accepts and never answers. */
async function silentServer(t: {
  teardown(done: () => void): void
}): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => null)
  })
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') {
    throw new TypeError('The server has no port')
  }
  return address.port
}

t.test('a probe shows the codecs, key frames and B-frames', async t => {
  const { call } = await processApi(t)
  const h264 = ['-c:v', 'libx264', '-g', '25', '-pix_fmt', 'yuv420p']
  const aac = ['-c:a', 'aac', '-ar', '48000', '-ac', '2']
  const path = await clip(t, 'a.mp4', [
    ...[...VIDEO, ...AUDIO, ...h264],
    ...['-bf', '0', '-preset', 'ultrafast', ...aac],
  ])
  const body = { address: path, options: ['-re', '-stream_loop', '-1'] }
  const { status, json } = await call('POST', PROBE, { body })
  t.equal(status, 200)
  t.match(json, {
    streams: [
      {
        url: path,
        format: /mp4/,
        index: 0,
        stream: 0,
        type: 'video',
        codec: 'h264',
        fps: 25,
        width: 320,
        height: 240,
        pix_fmt: 'yuv420p',
        profile: 'Constrained Baseline',
        key_frame_seconds: 1,
        b_frames: false,
      },
      { type: 'audio', codec: 'aac', sampling_hz: 48_000, channels: 2 },
    ],
  })

  const reordered = await clip(t, 'b.mp4', [...VIDEO, ...h264, '-bf', '2'])
  const other = await call('POST', PROBE, { body: { address: reordered } })
  t.match(other.json, { streams: [{ profile: 'High', b_frames: true }] })
})

t.test('a probe shows HEVC, and an input without video', async t => {
  const { call } = await processApi(t)
  const hevc = await clip(t, 'a.mkv', [
    ...[...VIDEO, '-c:v', 'libx265'],
    ...['-preset', 'ultrafast', '-x265-params', 'log-level=none'],
  ])
  const video = await call('POST', PROBE, { body: { address: hevc } })
  t.match(video.json, { streams: [{ type: 'video', codec: 'hevc' }] })
  const wav = await clip(t, 'a.wav', AUDIO)
  const audio = await call('POST', PROBE, { body: { address: wav } })
  t.match(audio.json, {
    streams: [{ type: 'audio', key_frame_seconds: null, b_frames: null }],
  })
})

t.test('a stream of a program is listed once', async t => {
  const { call } = await processApi(t)
  const path = await clip(t, 'a.ts', [...VIDEO, ...AUDIO, '-c:a', 'aac'])
  const { json } = await call('POST', PROBE, { body: { address: path } })
  t.match(json, {
    streams: { 0: { stream: 0 }, 1: { stream: 1, codec: 'aac' }, length: 2 },
  })
})

t.test('a live input shows its key frames in time', async t => {
  const { call } = await processApi(t)
  const { min: port } = await takePorts(1)
  const address = `udp://127.0.0.1:${port}`
  const sender = spawn(
    'ffmpeg',
    [
      ...['-v', 'error', '-re', ...VIDEO, '-c:v', 'libx264', '-g', '25'],
      ...['-preset', 'ultrafast', '-f', 'mpegts', address],
    ],
    { stdio: 'ignore' },
  )
  t.teardown(() => sender.kill('SIGKILL'))
  // The start of the sender is not part of the time that a probe has.
  await datagramAt(port)
  const { json } = await call('POST', PROBE, { body: { address } })
  t.match(json, { streams: [{ key_frame_seconds: 1, b_frames: false }] })
})

t.test('a probe of a process uses its inputs and their options', async t => {
  const { call } = await processApi(t)
  const input = [
    { address: 'testsrc=size=64x48', options: ['-f', 'lavfi', '-re'] },
    { address: 'sine', options: ['-f', 'lavfi'] },
  ]
  const output = [{ address: '-', options: ['-f', 'null'] }]
  const body = { id: 'probe', autostart: false, input, output }
  t.equal((await call('POST', '', { body })).status, 200)
  const { json } = await call('GET', '/probe/probe')
  t.match(json, {
    streams: [
      { index: 0, type: 'video', width: 64, height: 48 },
      { index: 1, type: 'audio' },
    ],
  })
  t.equal((await call('GET', '/nobody/probe')).status, 404)
})

t.test('a missing file gets no streams, and the reason', async t => {
  const { call } = await processApi(t)
  const { status, json } = await call('POST', PROBE, {
    body: { address: '/nowhere/a.mp4' },
  })
  t.equal(status, 200)
  t.match(json, { streams: [] })
  t.match(JSON.stringify(json), /No such file or directory/)
})

t.test('a probe masks the password of a camera that refuses', async t => {
  const { call } = await processApi(t)
  const server = createHttpServer((_, response) => {
    response.writeHead(401).end()
  })
  const port = await listenLocal(t, server)
  const address = `http://admin:s3cret-pa@127.0.0.1:${port}/a?token=t0ken-x`
  const headers = 'Authorization: Basic h3ader-y\r\n'
  const { json } = await call('POST', PROBE, {
    body: { address, options: ['-headers', headers] },
  })
  const text = JSON.stringify(json)
  t.match(text, /401/)
  t.notMatch(text, /s3cret|t0ken|h3ader/)
})

t.test(
  'an address that never answers ends after a while, is probed once at a time',
  async t => {
    const { call } = await processApi(t)
    const port = await silentServer(t)
    const address = `rtsp://127.0.0.1:${port}/silent`
    const body = { address, options: ['-rtsp_transport', 'tcp'] }
    const first = call('POST', PROBE, { body })
    await waitFor(() => ffprobes(address).length > 0)
    const second = await call('POST', PROBE, { body })
    t.equal(second.status, 409)
    t.match(second.json, { code: 409, message: 'Probe is running' })
    const { status, json } = await first
    t.equal(status, 200)
    t.match(json, {
      streams: [],
      log: [/^The input did not send 7 s of video or audio within 10 s$/],
    })
    await waitFor(() => ffprobes(address).length === 0)
  },
)

t.test('at most four addresses are probed, a fifth gets 503', async t => {
  const { call, origin } = await processApi(t)
  const port = await silentServer(t)
  const body = (at: number) => ({ address: `tcp://127.0.0.1:${port}?n=${at}` })
  const hangUp = new AbortController()
  const running = [0, 1, 2, 3].map(at =>
    fetch(`${origin}/api/v3/process/probe`, {
      method: 'POST',
      body: JSON.stringify(body(at)),
      headers: { 'Content-Type': 'application/json' },
      signal: hangUp.signal,
    }),
  )
  const all = `127.0.0.1:${port}?n=`
  await waitFor(() => ffprobes(all).length === 4)
  const fifth = await call('POST', PROBE, { body: body(4) })
  t.equal(fifth.status, 503)
  t.match(fifth.json, { message: 'Too many probes' })

  // Clients that hang up end their ffprobe and free its place.
  hangUp.abort()
  await Promise.allSettled(running)
  await waitFor(() => ffprobes(all).length === 0)
  await waitFor(async () => {
    const address = '/nowhere/a.mp4'
    return (await call('POST', PROBE, { body: { address } })).status === 200
  })
})

t.test('an ffprobe that is killed leaves a line in the log', async t => {
  const { call } = await processApi(t)
  const port = await silentServer(t)
  const address = `tcp://127.0.0.1:${port}`
  const probe = call('POST', PROBE, { body: { address } })
  await waitFor(() => ffprobes(address).length > 0)
  for (const pid of ffprobes(address)) process.kill(Number(pid), 'SIGKILL')
  t.match((await probe).json, {
    streams: [],
    log: [/ffprobe was killed by SIGKILL/],
  })
})

t.test('the rules for input addresses apply, in the same words', async t => {
  const { call } = await processApi(t, {
    rules: { inputBlock: [/^file:/] },
  })
  const field = 'input[0].address'
  for (const [body, message] of [
    [{ address: 'file:/etc/passwd' }, /INPUT_BLOCK/],
    [{ address: '' }, /expected an address/],
    [{}, /expected an address/],
    ['text', /expected an address/],
    [{ address: '{memfs}/a' }, /placeholder/],
  ] as const) {
    const { status, json } = await call('POST', PROBE, { body })
    t.equal(status, 400)
    t.match(json, { fields: [{ field, message }] })
  }
  const body = { address: 'a', options: ['-i', 'file:/etc/passwd'] }
  const { json } = await call('POST', PROBE, { body })
  t.match(json, { fields: [{ field: 'input[0].options' }] })
})

t.test('without ffprobe beside FFmpeg, the answer names the path', async t => {
  const dir = await temporaryFolder(t)
  const ffmpeg = join(dir, 'ffmpeg')
  await copyFile('/bin/true', ffmpeg)
  const { call } = await processApi(t, { ffmpegBinary: ffmpeg })
  const { status, json } = await call('POST', PROBE, { body: { address: 'a' } })
  t.equal(status, 503)
  t.match(json, {
    message: 'Cannot probe',
    details: [new RegExp(`${join(dir, 'ffprobe')} is not an executable file`)],
  })
})

t.test('an ffprobe that floods its output or its log is killed', async t => {
  const dir = await temporaryFolder(t)
  const ffmpegBinary = await fakeProgram(dir, 'ffmpeg', 'exit 0')
  for (const target of ['>&3', '>&2']) {
    await fakeProgram(dir, 'ffprobe', `while :; do echo flood ${target}; done`)
    const { call } = await processApi(t, { ffmpegBinary })
    const { status, json } = await call('POST', PROBE, {
      body: { address: `${dir}/flood` },
    })
    t.equal(status, 200)
    t.match(json, { streams: [] })
    t.match(JSON.stringify(json), /ffprobe was killed: too much output/)
    t.equal(ffprobes(`${dir}/flood`).length, 0)
  }
})
