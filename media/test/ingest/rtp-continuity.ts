import t from 'tap'

import { RtpContinuity } from '../../ingest/rtp-continuity.ts'

const PAYLOAD_TYPE = 96
const OUR_SSRC = 2_222
const ONE = '10.0.0.1 5000'
const OTHER = '10.0.0.1 6000'

/** Video's. */
const CLOCK_RATE = 90_000

function rtp(
  sequence: number,
  ssrc = 77,
  payloadType = PAYLOAD_TYPE,
  timestamp = 0,
): Buffer {
  const packet = Buffer.alloc(20)
  packet.writeUInt8(0x80, 0)
  packet.writeUInt8(0x80 | payloadType, 1)
  packet.writeUInt16BE(sequence, 2)
  packet.writeUInt32BE(timestamp, 4)
  packet.writeUInt32BE(ssrc, 8)
  return packet
}

/** Feeds packets; gives the sequence numbers that come out. */
function feed() {
  const continuity = new RtpContinuity({
    ssrc: OUR_SSRC,
    payloadType: PAYLOAD_TYPE,
    clockRate: CLOCK_RATE,
  })
  const send = (packet: Buffer, from: string, nowMs: number) => {
    if (!continuity.rtp(packet, from, nowMs)) return undefined
    if (packet.readUInt32BE(8) !== OUR_SSRC) throw new Error('Wrong SSRC')
    return packet.readUInt16BE(2)
  }
  return { continuity, send }
}

await t.test('RtpContinuity numbers a stream from 1, also around', t => {
  const { send } = feed()
  t.same(
    [65_534, 65_535, 0, 1].map(sequence => send(rtp(sequence), ONE, 0)),
    [1, 2, 3, 4],
  )
  t.end()
})

await t.test('RtpContinuity keeps losses and late packets as they are', t => {
  const { send } = feed()
  t.same(
    [10, 13, 12, 11, 14].map(sequence => send(rtp(sequence), ONE, 0)),
    [1, 4, 3, 2, 5],
  )
  t.end()
})

await t.test('RtpContinuity goes on when its sender restarts', t => {
  const { send } = feed()
  send(rtp(40_000), ONE, 0)
  t.equal(send(rtp(7), ONE, 1), 2, 'back')
  t.equal(send(rtp(20_000), ONE, 2), 3, 'forth')
  t.equal(send(rtp(9_000, 78), OTHER, 1_000), 4, 'on another port and SSRC')
  t.equal(send(rtp(9_001, 78), OTHER, 1_001), 5)
  t.end()
})

await t.test('RtpContinuity goes on with the time when one restarts', t => {
  const { continuity, send } = feed()
  const timed = (sequence: number, timestamp: number, ssrc = 77) =>
    rtp(sequence, ssrc, PAYLOAD_TYPE, timestamp)
  const sent = (packet: Buffer, from: string, nowMs: number) => {
    send(packet, from, nowMs)
    return packet.readUInt32BE(4)
  }
  const nearEnd = 2 ** 32 - 1_000
  t.equal(sent(timed(1, nearEnd), ONE, 0), nearEnd, 'the first has its own')
  t.equal(sent(timed(2, 2_000), ONE, 33), 2_000, 'also around')
  t.equal(
    sent(timed(900, 4_000_000_000, 78), OTHER, 1_033),
    2_000 + CLOCK_RATE,
    'a second later it is a second later',
  )
  const after = sent(timed(901, 4_000_003_000, 78), OTHER, 1_066)
  t.equal(after, 5_000 + CLOCK_RATE)
  const report = Buffer.alloc(28)
  report.set([0x80, 200, 0, 6, 0, 0, 0, 78])
  report.writeUInt32BE(4_000_003_000, 16)
  t.ok(continuity.rtcp(report))
  t.equal(report.readUInt32BE(16), after, 'reports tell the same time')
  t.equal(sent(timed(7, 10, 78), OTHER, 1_066), after + 1, 'never the same')
  t.end()
})

await t.test('RtpContinuity hears one sender at a time', t => {
  const { send } = feed()
  t.equal(send(rtp(1), ONE, 0), 1)
  t.equal(send(rtp(1, 78), OTHER, 100), undefined)
  t.equal(send(rtp(2), ONE, 200), 2)
  t.equal(send(rtp(2, 78), OTHER, 300), undefined)
  t.equal(send(rtp(3, 78), OTHER, 500), 3, 'until it falls silent')
  t.equal(send(rtp(3), ONE, 501), undefined)
  t.end()
})

await t.test('RtpContinuity drops what is no RTP of the leg', t => {
  const { send } = feed()
  t.equal(send(rtp(1, 77, 97), ONE, 0), undefined, 'other payload type')
  t.equal(send(Buffer.alloc(20), ONE, 0), undefined, 'other version')
  t.equal(send(rtp(1).subarray(0, 11), ONE, 0), undefined, 'too short')
  t.equal(send(Buffer.alloc(0), ONE, 0), undefined, 'empty')
  t.end()
})

await t.test('RtpContinuity rewrites reports of the present sender', t => {
  const { continuity, send } = feed()
  const report = () =>
    Buffer.from(
      '80c80006' + // Sender report, seven words.
        '0000004d' + // SSRC 77.
        '000000000000000000000000000000000000000000'.slice(0, 40) +
        '81ca0001' + // Source description, two words.
        '0000004d',
      'hex',
    )
  t.equal(continuity.rtcp(report()), false, 'there is none yet')
  send(rtp(1), ONE, 0)
  const packet = report()
  t.equal(continuity.rtcp(packet), true)
  t.equal(packet.readUInt32BE(4), OUR_SSRC)
  t.equal(packet.readUInt32BE(packet.length - 4), OUR_SSRC)
  send(rtp(1, 78), OTHER, 1_000)
  t.equal(continuity.rtcp(report()), false, 'its sender is gone')
  t.equal(continuity.rtcp(Buffer.from([0x80])), false)
  t.end()
})
