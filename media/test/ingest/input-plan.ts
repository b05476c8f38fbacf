import t from 'tap'

import type { InputFacts } from '../../ingest/run/input-facts.ts'
import {
  needsNewRun,
  findInputs,
  inputOptions,
  planRun,
} from '../../ingest/input-plan.ts'
import { managedConfig } from '../fixtures/media-stack.ts'

interface Case {
  readonly address?: string
  readonly options?: readonly string[]
  readonly webrtc?: object
  readonly facts?: InputFacts['inputs'][number]
}

const folder = t.testdir({ 'a.mp4': '', 'cam.sdp': '' })

async function planned({ facts, webrtc, ...given }: Case) {
  const { address = 'rtsp://127.0.0.1/cam', options = [] } = given
  const inputs = await findInputs([{ address, options }])
  const dump = facts && { inputs: [facts] }
  const [input] = planRun(inputs, managedConfig(webrtc), dump).inputs
  return input
}

const LIVE = { pace: 'none', wallClock: false, arrival: 'live' } as const
const READ = { pace: 'filter', wallClock: false, arrival: 'read' } as const

const CASES: Readonly<Record<string, readonly [Case, object]>> = {
  'a camera before its first run': [{}, LIVE],
  'a camera': [{ facts: { format: 'rtsp' } }, LIVE],
  'a recording over RTSP': [{ facts: { format: 'rtsp', durationS: 60 } }, LIVE],
  'a file': [{ address: `${folder}/a.mp4` }, READ],
  'a file URL': [{ address: `file:${folder}/a.mp4` }, READ],
  'a file that is copied': [
    { address: `${folder}/a.mp4`, webrtc: { audio: 'copy' } },
    { ...READ, pace: '-re' },
  ],
  'a file with -re': [
    { address: `${folder}/a.mp4`, options: ['-re'] },
    { ...READ, pace: 'none' },
  ],
  'a file with -readrate': [
    { address: `${folder}/a.mp4`, options: ['-readrate', '2'] },
    { ...READ, pace: 'none' },
  ],
  'an SDP file': [{ address: `${folder}/cam.sdp` }, LIVE],
  'a file that does not exist': [{ address: `${folder}/b.mp4` }, LIVE],
  'a folder': [{ address: folder }, LIVE],
  'a device': [{ address: '/dev/null' }, LIVE],
  'a video over HTTP': [
    {
      address: 'http://127.0.0.1/a.mp4',
      facts: { format: 'mov,mp4', durationS: 60 },
    },
    READ,
  ],
  'a playlist over HTTP': [
    { address: 'http://127.0.0.1/a.m3u8', facts: { format: 'hls' } },
    READ,
  ],
  'a live stream over HTTP': [
    { address: 'http://127.0.0.1/a.flv', facts: { format: 'flv' } },
    LIVE,
  ],
  'MJPEG over HTTP': [
    { address: 'http://127.0.0.1/', facts: { format: 'mpjpeg' } },
    { ...LIVE, wallClock: true },
  ],
  'MJPEG over HTTP with the wall clock option': [
    {
      options: ['-use_wallclock_as_timestamps', '1'],
      facts: { format: 'mpjpeg' },
    },
    LIVE,
  ],
  'raw H264 over TCP': [
    { address: 'tcp://127.0.0.1:1', facts: { format: 'h264' } },
    { ...LIVE, wallClock: true },
  ],
  'raw H264 in a file': [
    { address: `${folder}/a.mp4`, facts: { format: 'h264' } },
    READ,
  ],
  'a generator': [
    { address: 'testsrc2', options: ['-f', 'lavfi'] },
    { ...READ, pace: '-re' },
  ],
  'a generator with -re': [
    { address: 'testsrc2', options: ['-re', '-f', 'lavfi'] },
    { ...READ, pace: 'none' },
  ],
}

for (const [name, [given, plan]] of Object.entries(CASES)) {
  t.test(`planRun() chooses pace and timestamps for ${name}`, async t => {
    t.same(await planned(given), plan)
  })
}

t.test('planRun() paces one of several inputs by -re', async t => {
  const inputs = await findInputs([
    { address: `${folder}/a.mp4`, options: [] },
    { address: 'rtsp://127.0.0.1/cam', options: [] },
  ])
  const plan = planRun(inputs, managedConfig(), undefined)
  t.same(
    plan.inputs.map(({ pace }) => pace),
    ['-re', 'none'],
  )
})

t.test('inputOptions() returns only the options that are needed', t => {
  t.same(inputOptions(LIVE, true), [])
  t.same(inputOptions(READ, false), ['-reinit_filter:v', '0'])
  t.same(inputOptions({ ...READ, pace: '-re' }, true), ['-re'])
  t.same(inputOptions({ ...LIVE, wallClock: true }, true), [
    ...['-use_wallclock_as_timestamps', '1'],
  ])
  t.end()
})

t.test('needsNewRun() ignores a change of arrival alone', t => {
  const plan = {
    inputs: [LIVE],
    deinterlace: false,
    noVideo: false,
    late: {},
  }
  t.equal(needsNewRun(plan, plan), false)
  t.equal(
    needsNewRun(plan, { ...plan, inputs: [{ ...LIVE, arrival: 'read' }] }),
    false,
  )
  t.equal(needsNewRun(plan, { ...plan, inputs: [READ] }), true)
  t.equal(needsNewRun(plan, { ...plan, deinterlace: true }), true)
  t.equal(needsNewRun(plan, { ...plan, noVideo: true }), true)
  t.equal(needsNewRun(plan, { ...plan, late: { video: '0:0' } }), true)
  t.end()
})
