import t from 'tap'
import { testStream } from './fixtures/stack.ts'
import { startProbedStack } from './fixtures/probed-stack.ts'

const stack = await startProbedStack(t, {
  processes: [
    testStream('h264'),
    testStream('vp8', { video: { codec: 'vp8' } }),
    testStream('voice', { video: { codec: 'none' } }),
    testStream('mute', { audio: { codec: 'none' } }),
  ],
})

for (const id of ['h264', 'vp8']) {
  t.test(`a probe plays ${id} with sound`, async t => {
    const { seconds, packets, failures } = await stack.plays(id)
    t.same(failures, [])
    t.ok(packets['video'] && packets['audio'])
    t.same(Object.keys(seconds), [
      'offer',
      'ice',
      'dtls',
      'first_rtp',
      'first_key_frame',
    ])
  })
}

t.test('a probe plays a stream of audio only', async t => {
  const { seconds, packets } = await stack.plays('voice')
  t.ok(packets['audio'])
  t.equal(packets['video'], 0)
  t.notOk('first_key_frame' in seconds)
})

t.test('a probe plays a stream of video only', async t => {
  const { packets } = await stack.plays('mute')
  t.ok(packets['video'])
  t.equal(packets['audio'], 0)
})
