import t from 'tap'

import { FfmpegRun } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { TestViewer, endViewers } from '../fixtures/viewer.ts'

t.teardown(endViewers)

const CHROMIUM = { video: 108, rtx: 109, audio: 111 }
const FIREFOX = { video: 126, rtx: 127, audio: 109 }

await t.test('a managed stream plays', async t => {
  const stack = await startMediaStack({ ports: 30 })
  t.teardown(() => stack.close())
  const { engine, streams } = stack
  const stream = streams.add(streamId('demo'), managedConfig())
  const ports = () => engine.udpPorts.counts().inUse

  t.match(stream.status, {
    state: 'stopped',
    legs: { video: { codec: 'h264' } },
  })
  const ffmpeg = await FfmpegRun.start(stream)
  t.teardown(() => ffmpeg.stop())
  await untilLive(stream)
  t.equal(ports(), 8, 'video and audio take 8 ports')

  await t.test('a viewer like Chromium needs no pipe', async t => {
    const viewer = await TestViewer.open(stream, CHROMIUM)
    t.teardown(() => {
      viewer.close()
    })
    t.equal(ports(), 9, 'the viewer takes one port')
    await Promise.all([viewer.plays('video'), viewer.plays('audio')])
    t.equal(viewer.transport.state, 'connected')
    t.same(
      [...viewer.received.values()].map(({ payloadTypes }) => [
        ...payloadTypes,
      ]),
      [[108], [111]],
    )
  })

  await t.test('a viewer like Firefox gets its own payload types', async t => {
    const one = await TestViewer.open(stream, CHROMIUM)
    const other = await TestViewer.open(stream, FIREFOX)
    t.teardown(() => {
      one.close()
      other.close()
    })
    await Promise.all([one.plays('video'), other.plays('audio')])
    await Promise.all([one.plays('audio'), other.plays('video')])
    t.same(
      [...other.received.values()].map(({ payloadTypes }) => [...payloadTypes]),
      [[126], [109]],
      'RTP arrives with these payload types',
    )
    t.equal(ports(), 12, 'the viewer takes one port, the pipe two')
    const [video] = other.transport.sent
    t.same(
      video?.rtpParameters.codecs.map(({ payloadType }) => payloadType),
      [126, 127],
      'rtx has the offered payload type',
    )
  })

  await t.test('viewers release their ports when they leave', async t => {
    await waitFor(() => ports() === 8)
    const viewer = await TestViewer.open(stream, { audio: 96 })
    await viewer.plays('audio')
    viewer.close()
    await waitFor(() => ports() === 8)
    t.equal(ports(), 8)
  })

  await t.test('viewers survive a restart of FFmpeg', async t => {
    const viewer = await TestViewer.open(stream, CHROMIUM)
    t.teardown(() => {
      viewer.close()
    })
    await viewer.plays('video')
    await ffmpeg.stop()
    const again = await FfmpegRun.start(stream)
    t.teardown(() => again.stop())
    await Promise.all([viewer.plays('video', 60), viewer.plays('audio', 60)])
    t.equal(viewer.transport.state, 'connected', 'the viewer stays connected')
    t.equal(
      viewer.received.get('audio')?.timestampLeaps,
      0,
      'audio timestamps continue',
    )
    t.equal(stack.reported.length, 0, 'no leg failure is counted')
  })

  await t.test('stop() ends viewers and releases all ports', async t => {
    const viewer = await TestViewer.open(stream, FIREFOX)
    t.teardown(() => {
      viewer.close()
    })
    const states: string[] = []
    viewer.transport.onState(state => states.push(state))
    await stream.stop()
    t.same(states, ['stream-ended'])
    await waitFor(() => ports() === 0)
    t.match(stream.status, { state: 'stopped', started_at: null })
    await t.rejects(TestViewer.open(stream, CHROMIUM), { code: 'not-live' })
  })
})
