import t from 'tap'
import {
  hopUs,
  isRtp,
  makePacket,
  nowNs,
  sequenceOf,
  stamp,
} from '../../bench/rig/rtp.ts'

const VIDEO = { kind: 'video', payloadType: 96, ssrc: 4711 } as const

t.test('makePacket() writes an RTP header that wraps as RFC 3550 says', t => {
  const flags = { isKey: true, isLast: true }
  const packet = makePacket(VIDEO, 2 ** 16 + 7, 2 ** 32 / 90 + 100, flags)
  t.ok(isRtp(packet))
  t.equal(sequenceOf(packet), 7)
  t.equal(packet.readUInt32BE(4), 9_000)
  t.equal(packet.readUInt32BE(8), 4711)
  t.equal(packet[1], 0x80 | 96, 'the last packet of a frame has the marker')
  t.equal((packet[12] ?? 0) & 0x1f, 7, 'a key frame starts with an SPS')
  t.end()
})

t.test('isRtp() rejects STUN, DTLS and RTCP', t => {
  t.notOk(isRtp(Buffer.from([0, 1])), 'STUN')
  t.notOk(isRtp(Buffer.from([22, 254])), 'DTLS')
  t.notOk(isRtp(Buffer.from([128, 200])), 'RTCP')
  t.end()
})

t.test('hopUs() is the time since stamp()', t => {
  const flags = { isKey: false, isLast: false }
  const packet = makePacket(VIDEO, 1, 0, flags)
  const before = nowNs()
  stamp(packet)
  const after = nowNs()
  t.ok(hopUs(packet, after) >= 0)
  t.ok(hopUs(packet, before) <= 0)
  t.end()
})
