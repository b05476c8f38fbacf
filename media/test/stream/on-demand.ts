/** A stream that starts on demand, with real FFmpeg, workers and viewers. */
import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'
import { parseProcessConfig } from '../../process/config.ts'
import { createRunner } from '../../process/runners.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  type MediaStackOptions,
} from '../fixtures/media-stack.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { endViewers, TestViewer } from '../fixtures/viewer.ts'

requireFfmpeg(t)
t.setTimeout(170_000)
t.teardown(endViewers)

const CHROMIUM = { video: 108, rtx: 109, audio: 111 }
const PATIENT = { onDemandTimeoutMs: 60_000 }
const OPTIONS = ['-re', '-f', 'lavfi']
const PICTURE = { address: 'testsrc2=size=320x180:rate=15', options: OPTIONS }
const TONE = { address: 'sine=frequency=440', options: OPTIONS }
const NEVER = new AbortController().signal
/** A source that accepts no connection. */
const NOBODY = { address: 'tcp://127.0.0.1:9', options: [] }

interface Source {
  readonly input?: readonly object[]
  readonly idle_seconds?: number
  readonly reconnect?: boolean
  readonly settings?: MediaStackOptions
}

/** A started process `cam` with `on_demand`, and its stream. */
async function camera(
  t: Test,
  {
    input = [PICTURE, TONE],
    idle_seconds = 0,
    reconnect = true,
    settings = PATIENT,
  }: Source = {},
) {
  const stack = await startMediaStack({ ports: 40, ...settings })
  t.teardown(() => stack.close())
  const webrtc = { enabled: true, on_demand: true, idle_seconds }
  const config = parseProcessConfig(
    { id: 'cam', input, reconnect, webrtc },
    {
      inputAllow: [],
      inputBlock: [],
      parseWebrtc: parseWebrtcConfig,
      newId: randomUUID,
    },
  )
  const stream = stack.streams.add(streamId('cam'), managedConfig(webrtc))
  const { log, records } = memoryLog()
  const runner = createRunner(config, stream, {
    ffmpegBinary: 'ffmpeg',
    searchPath: process.env['PATH'] ?? '',
    clock: systemClock,
    log,
    random: () => 0,
  })
  t.teardown(() => runner.stop())
  runner.start()
  const hold = async (kinds: readonly ('video' | 'audio')[]) => {
    const { demand } = stream
    if (demand === undefined) throw new Error('It always runs')
    return await demand.hold(kinds, NEVER)
  }
  const asleep = () =>
    waitFor(() => stream.status.state === 'asleep' && !stream.running)
  const starts = () =>
    records.filter(({ message }) => message === 'FFmpeg started').length
  const portsInUse = () => stack.engine.udpPorts.counts().inUse
  return { stack, stream, runner, hold, asleep, starts, portsInUse }
}

t.test('ports are taken while it runs only', async t => {
  const cam = await camera(t)
  t.equal(cam.portsInUse(), 0)
  t.match(cam.stream.status, {
    state: 'asleep',
    degraded: false,
    started_at: null,
    legs: { video: { state: 'idle' }, audio: { state: 'idle' } },
  })
  const hold = await cam.hold(['video', 'audio'])
  t.match(cam.stream.status, {
    state: 'live',
    legs: { video: { state: 'live' }, audio: { state: 'live' } },
  })
  t.ok(cam.stream.running)
  const viewer = await TestViewer.open(cam.stream, CHROMIUM)
  await Promise.all([viewer.plays('video'), viewer.plays('audio')])
  t.ok(cam.portsInUse() > 1)
  viewer.close()
  hold.release()
  hold.release()
  await cam.asleep()
  await waitFor(() => cam.portsInUse() === 0, 'no port')
  t.equal(cam.runner.status().exec, 'finished')
  t.same(cam.stack.reported, [], 'no leg failure is counted')
})

t.test('a viewer that comes while FFmpeg stops gets the next one', async t => {
  const cam = await camera(t)
  const first = await cam.hold(['video'])
  first.release()
  // FFmpeg may end sooner than a poll would see it.
  while (cam.runner.status().exec !== 'finishing') await setImmediate()
  const second = await cam.hold(['video'])
  t.equal(cam.starts(), 2)
  t.equal(cam.stream.status.state, 'live')
  second.release()
  await cam.asleep()
})

t.test('an input without audio is the reason', async t => {
  const cam = await camera(t, { input: [PICTURE], reconnect: false })
  await t.rejects(cam.hold(['video']), {
    message: /^The stream could not be .*audio: the input has no such stream$/,
  })
  await cam.asleep()
  t.equal(cam.stream.degradedReason, undefined)
})

t.test('a worker that dies while it starts does not end the wait', async t => {
  const settings = { ...PATIENT, limits: { workerPingIntervalMs: 100 } }
  const cam = await camera(t, { settings })
  const waiting = cam.hold(['video', 'audio'])
  await waitFor(() => cam.stream.running)
  const [worker] = cam.stack.engine.workers
  if (worker === undefined) throw new Error('There is no worker')
  process.kill(worker.pid, 'SIGKILL')
  const hold = await waiting
  t.equal(cam.starts(), 2)
  t.equal(cam.stream.status.state, 'live')
  hold.release()
  await cam.asleep()
  await waitFor(() => cam.portsInUse() === 0, 'no port')
})

t.test('a worker that dies while it sleeps starts nothing', async t => {
  const settings = { ...PATIENT, limits: { workerPingIntervalMs: 100 } }
  const cam = await camera(t, { settings })
  const [worker] = cam.stack.engine.workers
  if (worker === undefined) throw new Error('There is no worker')
  process.kill(worker.pid, 'SIGKILL')
  await waitFor(() => {
    const [next] = cam.stack.engine.workers
    return next !== undefined && next.pid !== worker.pid
  })
  t.equal(cam.stream.status.state, 'asleep')
  t.equal(cam.starts(), 0)
  const hold = await cam.hold(['video'])
  hold.release()
  await cam.asleep()
})

t.test('a failure to start is a leg failure, until it sleeps', async t => {
  const cam = await camera(t, {
    input: [NOBODY],
    reconnect: false,
    idle_seconds: 1,
  })
  await t.rejects(cam.hold(['video']), {
    code: 'not-started',
    message:
      'The stream could not be started: FFmpeg ended: Connection refused',
  })
  t.equal(cam.stream.degradedReason, 'leg-failed')
  t.equal(cam.stack.legFailures('cam', 'video'), 1)
  await cam.asleep()
  t.equal(cam.stream.degradedReason, undefined)
  t.equal(cam.stack.legFailures('cam', 'video'), 1)
  await waitFor(() => cam.portsInUse() === 0, 'no port')
})

t.test('FFmpeg that ends under viewers is restarted for them', async t => {
  const cam = await camera(t, { idle_seconds: 600 })
  const hold = await cam.hold(['video'])
  const viewer = await TestViewer.open(cam.stream, CHROMIUM)
  await viewer.plays('video')
  cam.runner.restart('test')
  await waitFor(() => cam.starts() === 2)
  await viewer.plays('video')
  t.equal(viewer.transport.state, 'connected')
  // A viewer may have its packets before the next look at the legs.
  const { stream } = cam
  await waitFor(() => stream.status.state === 'live', 'a live stream')
  viewer.close()
  hold.release()
  t.equal(stream.status.state, 'live', 'it is idle, not asleep')
  await cam.runner.stop()
  await cam.stream.stop()
  t.equal(cam.stream.status.state, 'stopped')
  await t.rejects(cam.hold(['video']), { code: 'not-started' })
})
