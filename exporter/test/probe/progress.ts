import t from 'tap'
import { writeRtpHeader } from '../../../shared/protocol/rtp-packet.ts'
import { Progress } from '../../probe/progress.ts'

const VIDEO = { kind: 'video', payloadType: 96, codec: 'vp8' } as const
const AUDIO = { kind: 'audio', payloadType: 111, codec: 'opus' } as const
const KEY_FRAME = [0x10, 0x50]
const DELTA_FRAME = [0x10, 0x51]

function packet(payloadType: number, payload: readonly number[] = []): Buffer {
  const bytes = Buffer.alloc(12 + payload.length)
  bytes.set([0x80, payloadType])
  writeRtpHeader(bytes, { sequence: 1, timestamp: 2, ssrc: 3 })
  bytes.set(payload, 12)
  return bytes
}

/** A connected playback of both kinds, at 400 ms. */
function connected(): Progress {
  const progress = new Progress(0)
  progress.reach('offer', 100)
  progress.expect([VIDEO, AUDIO])
  progress.reach('ice', 250)
  progress.reach('dtls', 400)
  return progress
}

t.test('Progress measures each phase by itself', t => {
  const progress = connected()
  progress.receive('audio', packet(111), 1_000)
  progress.receive('video', packet(96, KEY_FRAME), 3_000)
  progress.receive('video', packet(96, KEY_FRAME), 9_000)
  t.same(progress.seconds, {
    offer: 0.1,
    ice: 0.15,
    dtls: 0.15,
    first_rtp: 0.6,
    first_key_frame: 2,
  })
  t.same(progress.packets, { video: 2, audio: 1 })
  t.end()
})

t.test('Progress names what is missing', t => {
  const progress = new Progress(0)
  t.equal(progress.missing, 'unreachable')
  progress.reach('offer', 1)
  progress.expect([VIDEO, AUDIO])
  t.equal(progress.missing, 'no_ice')
  progress.reach('ice', 2)
  t.equal(progress.missing, 'no_dtls')
  progress.reach('dtls', 3)
  t.equal(progress.missing, 'no_rtp')
  progress.receive('video', packet(96, DELTA_FRAME), 4)
  t.equal(progress.missing, 'no_key_frame')
  progress.receive('video', packet(96, KEY_FRAME), 5)
  t.equal(progress.missing, 'no_rtp', 'audio')
  progress.receive('audio', packet(111), 6)
  t.equal(progress.missing, undefined)
  t.end()
})

t.test('Progress expects only what the answer promises', t => {
  const progress = new Progress(0)
  progress.reach('offer', 1)
  progress.expect([AUDIO])
  progress.reach('dtls', 2)
  t.same(Object.keys(progress.seconds), ['offer', 'ice', 'dtls'])
  progress.receive('audio', packet(111), 3)
  t.equal(progress.missing, undefined)
  t.notOk('first_key_frame' in progress.seconds)
  t.throws(() => {
    new Progress(0).expect([])
  }, /no video and no audio/)
  t.throws(() => {
    new Progress(0).expect([{ ...VIDEO, codec: 'av1' }])
  }, /unknown codec av1/)
  t.end()
})

t.test('Progress ignores RTCP, retransmissions and other packets', t => {
  const progress = connected()
  const report = packet(72)
  for (const bytes of [report, packet(97), Buffer.alloc(3), Buffer.alloc(0)]) {
    progress.receive('video', bytes, 500)
  }
  t.same(progress.packets, { video: 0, audio: 0 })
  t.equal(progress.missing, 'no_rtp')
  t.end()
})

t.test('Progress needs a key frame once video arrives', t => {
  const progress = connected()
  t.equal(progress.needsKeyFrame, false)
  progress.receive('video', packet(96, DELTA_FRAME), 500)
  t.equal(progress.needsKeyFrame, true)
  progress.receive('video', packet(96, KEY_FRAME), 600)
  t.equal(progress.needsKeyFrame, false)
  t.end()
})
