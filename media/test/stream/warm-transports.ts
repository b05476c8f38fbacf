/** Transports made ahead of time, on a port that viewers share. */
import t, { type Test } from 'tap'

import type { MediaWorker } from '../../engine/media-worker.ts'
import type { MediaLimits } from '../../limits.ts'
import { sharedPort } from '../../stream/endpoints.ts'
import type { ViewerTransport } from '../../whep/stream-port.ts'
import { FfmpegRun } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import {
  endViewers,
  TestViewer,
  wantedMedia,
  type ViewerTypes,
} from '../fixtures/viewer.ts'

const CHROMIUM = { video: 108, rtx: 109, audio: 111 }
const FIREFOX = { video: 126, audio: 109 }
const SETTING = 'CORE_WEBRTC_MUX_PORT'
/** Waiting transports of a router that had a viewer. */
const WARM = 4
/** For a viewer to get one, its worker must have answered its pings in time. */
const PATIENT = { workerPingIntervalMs: 60_000 }
const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':')

t.setTimeout(120_000)
t.teardown(endViewers)

async function playing(t: Test, limits: Partial<MediaLimits> = {}) {
  const announced = ['127.0.0.1']
  const addresses = { listen: ['127.0.0.1'], announced }
  const { min: port } = await takePorts(1)
  const stack = await startMediaStack({
    ports: 40,
    addresses,
    sharedPort: sharedPort(addresses, { port, tcp: false, setting: SETTING }),
    limits: { ...PATIENT, ...limits },
  })
  t.teardown(() => stack.close())
  const stream = stack.streams.add(streamId('cam'), managedConfig())
  let ffmpeg = await FfmpegRun.start(stream)
  t.teardown(() => ffmpeg.stop())
  await untilLive(stream)
  const view = async (types: ViewerTypes = CHROMIUM) => {
    const viewer = await TestViewer.open(stream, types)
    t.teardown(() => {
      viewer.close()
    })
    return viewer
  }
  /** Opens a viewer that never connects. */
  const open = (timeoutMs = 20_000) =>
    stream.openViewer(
      {
        media: wantedMedia(CHROMIUM),
        dtlsParameters: {
          role: 'client',
          fingerprints: [{ algorithm: 'sha-256', value: FINGERPRINT }],
        },
      },
      AbortSignal.timeout(timeoutMs),
    )
  const restart = async () => {
    await ffmpeg.stop()
    ffmpeg = await FfmpegRun.start(stream)
    await untilLive(stream)
  }
  const worker = () => {
    const [only] = stack.engine.workers
    if (only === undefined) throw new Error('There is no worker')
    return only
  }
  return { stack, stream, announced, view, open, restart, worker }
}

/** ICE names of all viewer transports in the worker, the waiting ones too. */
async function namesIn({ viewerServer }: MediaWorker): Promise<Set<string>> {
  const dump = await viewerServer?.dump()
  const names = dump?.localIceUsernameFragments ?? []
  return new Set(names.map(each => each.localIceUsernameFragment))
}

async function untilNames(worker: MediaWorker, count: number) {
  await waitFor(
    async () => (await namesIn(worker)).size === count,
    `${count} transports`,
  )
  return namesIn(worker)
}

function nameOf({ iceParameters }: ViewerTransport): string {
  return iceParameters.usernameFragment
}

await t.test('a second viewer gets a waiting transport', async t => {
  const { stack, view, worker } = await playing(t)
  t.equal((await namesIn(worker())).size, 0, 'none before the first viewer')
  const ports = stack.engine.udpPortCounts()
  const first = await view()
  const waiting = await untilNames(worker(), 1 + WARM)
  t.equal(worker().load, 2, 'only the stream and the viewer are load')
  const second = await view()
  t.ok(waiting.has(nameOf(second.transport)), 'it was made ahead of time')
  for (const viewer of [first, second]) {
    await Promise.all([viewer.plays('video'), viewer.plays('audio')])
  }
  await untilNames(worker(), 2 + WARM)
  t.same(stack.engine.udpPortCounts(), ports, 'they hold no port of the pool')
})

await t.test('a waiting transport sends at once after a long wait', async t => {
  const { view, worker } = await playing(t)
  const first = await view()
  const waiting = await untilNames(worker(), 1 + WARM)
  // Several key frames and several hundred packets pass the waiting consumers.
  await first.plays('video', 400)
  const second = await view()
  t.ok(waiting.has(nameOf(second.transport)), 'it was made ahead of time')
  await Promise.all([second.plays('video'), second.plays('audio')])
  const before = nameOf(second.transport)
  const { usernameFragment } = await second.transport.restartIce(
    AbortSignal.timeout(5_000),
  )
  t.not(usernameFragment, before, 'ICE restarts')
  await second.plays('video')
})

await t.test('a viewer with another request gets its own media', async t => {
  const { view, open, worker } = await playing(t)
  await view()
  const waiting = await untilNames(worker(), 1 + WARM)
  const second = await view({ video: 108 })
  t.ok(waiting.has(nameOf(second.transport)), 'it was made ahead of time')
  t.same(kindsOf(second.transport), ['video'])
  t.notOk(
    second.transport.sent.some(({ rtpParameters }) =>
      rtpParameters.codecs.some(({ mimeType }) => mimeType === 'video/rtx'),
    ),
    'without rtx, which it has not offered',
  )
  await second.plays('video')
  const refilled = await untilNames(worker(), 2 + WARM)
  const third = await open()
  const { transport: fourth } = await view({ video: 108 })
  for (const each of [third, fourth]) {
    t.ok(refilled.has(nameOf(each)), 'both requests have waiting transports')
  }
  t.same(kindsOf(third), ['video', 'audio'])
  t.same(kindsOf(fourth), ['video'])
})

function kindsOf({ sent }: ViewerTransport): readonly string[] {
  return sent.map(({ kind }) => kind)
}

await t.test('a frozen worker opens no viewer on one', async t => {
  const { stack, stream, open, worker } = await playing(t, {
    workerPingIntervalMs: 1_000,
  })
  const first = await open()
  await untilNames(worker(), 1 + WARM)
  const { pid } = worker()
  process.kill(pid, 'SIGSTOP')
  t.teardown(() => {
    if (stack.engine.workers.some(each => each.pid === pid)) {
      process.kill(pid, 'SIGCONT')
    }
  })
  await t.rejects(open(300), { code: 'deadline' })
  t.equal(worker().load, 2, 'the failed viewer is no load')
  process.kill(pid, 'SIGCONT')
  await waitFor(() => worker().responsive)
  first.close()
  t.equal(worker().load, 1)
  await stream.stop()
  await untilNames(worker(), 0)
})

await t.test('a waiting transport announces present addresses', async t => {
  const { announced, view, worker } = await playing(t)
  announced.splice(0, 1, '192.0.2.1')
  const first = await view()
  t.same(addressesOf(first), ['192.0.2.1'])
  const waiting = await untilNames(worker(), 1 + WARM)
  announced.splice(0, 1, '127.0.0.1')
  const second = await view()
  t.ok(waiting.has(nameOf(second.transport)), 'it was made ahead of time')
  t.same(addressesOf(second), ['127.0.0.1'])
  await second.plays('video')
})

function addressesOf({ transport }: TestViewer): readonly string[] {
  return transport.iceCandidates.map(({ address }) => address)
}

await t.test('each payload-type map has waiting transports', async t => {
  const { view, worker } = await playing(t, { egressIdleMs: 300 })
  const chromium = await view()
  await untilNames(worker(), 1 + WARM)
  const firefox = await view(FIREFOX)
  const waiting = await untilNames(worker(), 2 + 2 * WARM)
  const next = await view(FIREFOX)
  t.ok(waiting.has(nameOf(next.transport)))
  await Promise.all([chromium.plays('video'), next.plays('video')])
  firefox.close()
  next.close()
  await untilNames(worker(), 1 + WARM)
  t.pass('they are closed with their router')
})

await t.test('no transport of a dead worker is used', async t => {
  const { stack, view, worker, restart } = await playing(t)
  await view()
  const before = worker()
  const lost = await untilNames(before, 1 + WARM)
  process.kill(before.pid, 'SIGKILL')
  await waitFor(() => stack.engine.workers.some(each => each !== before))
  await restart()
  const next = await view()
  t.notOk(lost.has(nameOf(next.transport)))
  await next.plays('video')
  await untilNames(worker(), 1 + WARM)
})

await t.test('waiting transports are closed with their stream', async t => {
  const { stream, view, worker } = await playing(t)
  await view()
  await untilNames(worker(), 1 + WARM)
  await stream.stop()
  await untilNames(worker(), 0)
  t.equal(worker().load, 0)
})

await t.test('waiting transports are closed without viewers', async t => {
  const { view, worker } = await playing(t, { warmIdleMs: 100 })
  const viewer = await view()
  await untilNames(worker(), 1 + WARM)
  await untilNames(worker(), 1)
  await viewer.plays('video')
  const next = await view()
  await untilNames(worker(), 2 + WARM)
  await next.plays('video')
})

await t.test('200 viewers at once leave nothing behind', async t => {
  const { stack, open, worker } = await playing(t, { warmIdleMs: 500 })
  const ports = stack.engine.udpPortCounts()
  for (let round = 0; round < 2; round++) {
    const viewers = await Promise.all(Array.from({ length: 200 }, () => open()))
    t.equal(new Set(viewers.map(nameOf)).size, 200)
    t.equal(worker().load, 201)
    await untilNames(worker(), 200 + WARM)
    for (const viewer of viewers) viewer.close()
    t.equal(worker().load, 1)
  }
  await untilNames(worker(), 0)
  t.same(stack.engine.udpPortCounts(), ports)
})
