import t from 'tap'

import type { VideoFacts } from '../../../ingest/run/input-facts.ts'
import type { LegOrigin } from '../../../ingest/leg-origin.ts'
import { planLegs } from '../../../ingest/leg-plan.ts'
import {
  inputFaults,
  formatFaults,
} from '../../../ingest/watch/picture-faults.ts'
import { VideoWatch } from '../../../ingest/watch/video-watch.ts'
import { managedConfig } from '../../fixtures/media-stack.ts'

const facts = (more: Partial<VideoFacts>): VideoFacts => ({
  input: 0,
  attachedPicture: false,
  codec: 'h264',
  interlaced: false,
  ...more,
})

t.test('VideoWatch reports the pixel format of copied video only', t => {
  const [plan] = planLegs(managedConfig())
  if (plan === undefined) throw new Error('Expected a leg')
  const input = { inputs: [], video: facts({ pixelFormat: 'yuv444p' }) }
  const faults = (origin: LegOrigin) => {
    const options = {
      plan,
      origin,
      keyFrameTimeoutMs: 10_000,
      facts: () => input,
    }
    return new VideoWatch(options).faults(0, 3_000)
  }
  t.equal(faults('copied')[0]?.reason, 'pixel-format')
  t.same(faults('encoded'), [])
  t.end()
})

t.test('inputFaults() reports formats that browsers do not decode', t => {
  for (const pixelFormat of ['yuv420p', 'yuvj420p', 'nv12']) {
    t.same(inputFaults(facts({ pixelFormat })), [], pixelFormat)
  }
  t.same(inputFaults(facts({ profile: 'High' })), [], 'format not known')
  t.same(inputFaults(facts({})), [])
  t.same(inputFaults(facts({ pixelFormat: 'yuv422p10le' })), [
    {
      reason: 'pixel-format',
      message:
        'the pictures are yuv422p10le, which browsers do not decode: they ' +
        'need 8 bit 4:2:0; change the source, or use h264 in place of copy',
    },
  ])
  for (const pixelFormat of ['yuv420p10le', 'yuv422p', 'yuvj444p', 'gbrp']) {
    const [fault] = inputFaults(facts({ pixelFormat, profile: 'High' }))
    t.equal(fault?.reason, 'pixel-format', pixelFormat)
  }
  for (const profile of ['High 10', 'High 4:2:2', 'High 4:4:4 Predictive']) {
    t.equal(inputFaults(facts({ profile }))[0]?.reason, 'pixel-format', profile)
  }
  t.end()
})

t.test('formatFaults() reports formats that browsers do not decode', t => {
  t.same(formatFaults({ chroma: 1, bits: 8 }), [])
  t.same(formatFaults({ chroma: 0, bits: 8 }), [])
  for (const [chroma, bits, name] of [
    [1, 10, '10 bit 4:2:0'],
    [2, 8, '8 bit 4:2:2'],
    [3, 8, '8 bit 4:4:4'],
  ] as const) {
    const [fault] = formatFaults({ chroma, bits })
    t.equal(fault?.reason, 'pixel-format')
    t.match(fault?.message, `the pictures are ${name}, which browsers do not`)
  }
  t.end()
})
