import t from 'tap'

import {
  RtpRewriter,
  type SenderAddress,
} from '../../../ingest/rtp/rtp-rewriter.ts'
import { readRtpHeader } from '../../../../shared/protocol/rtp-packet.ts'

const PAYLOAD_TYPE = 96
const OUR_SSRC = 2_222
const FIRST = { address: '10.0.0.1', port: 5_000 }
const SECOND = { address: '10.0.0.1', port: 6_000 }

/** Of video. */
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

/** A rewriter, and a function that returns a packet's new sequence number. */
function feed() {
  const rewriter = new RtpRewriter({
    ssrc: OUR_SSRC,
    clockRate: CLOCK_RATE,
    maxBackMs: 1_000,
  })
  const send = (packet: Buffer, from: SenderAddress, nowMs: number) => {
    const header = readRtpHeader(packet)
    if (header === undefined) throw new Error('Not an RTP packet')
    if (!rewriter.rtp(packet, header, from, nowMs)) return undefined
    if (packet.readUInt32BE(8) !== OUR_SSRC) throw new Error('Wrong SSRC')
    return packet.readUInt16BE(2)
  }
  return { rewriter, send }
}

await t.test('RtpRewriter numbers a stream from 1, across a wrap', t => {
  const { send } = feed()
  t.same(
    [65_534, 65_535, 0, 1].map(sequence => send(rtp(sequence), FIRST, 0)),
    [1, 2, 3, 4],
  )
  t.end()
})

await t.test('RtpRewriter preserves losses and late packets', t => {
  const { send } = feed()
  t.same(
    [10, 13, 12, 11, 14].map(sequence => send(rtp(sequence), FIRST, 0)),
    [1, 4, 3, 2, 5],
  )
  t.end()
})

await t.test(
  'RtpRewriter continues sequence numbers when the sender restarts',
  t => {
    const { send } = feed()
    send(rtp(40_000), FIRST, 0)
    t.equal(send(rtp(7), FIRST, 1), 2, 'a lower number')
    t.equal(send(rtp(20_000), FIRST, 2), 3, 'a much higher number')
    t.equal(send(rtp(9_000, 78), SECOND, 1_000), 4, 'another port and SSRC')
    t.equal(send(rtp(9_001, 78), SECOND, 1_001), 5)
    t.end()
  },
)

await t.test('RtpRewriter continues timestamps when the sender restarts', t => {
  const { rewriter, send } = feed()
  const timed = (sequence: number, timestamp: number, ssrc = 77) =>
    rtp(sequence, ssrc, PAYLOAD_TYPE, timestamp)
  const sent = (packet: Buffer, from: SenderAddress, nowMs: number) => {
    send(packet, from, nowMs)
    return packet.readUInt32BE(4)
  }
  const nearEnd = 2 ** 32 - 1_000
  t.equal(sent(timed(1, nearEnd), FIRST, 0), nearEnd, 'the first is kept')
  t.equal(sent(timed(2, 2_000), FIRST, 33), 2_000, 'across a wrap')
  t.equal(
    sent(timed(900, 4_000_000_000, 78), SECOND, 1_033),
    2_000 + CLOCK_RATE,
    'a new sender after one second',
  )
  const after = sent(timed(901, 4_000_003_000, 78), SECOND, 1_066)
  t.equal(after, 5_000 + CLOCK_RATE)
  const report = Buffer.alloc(28)
  report.set([0x80, 200, 0, 6, 0, 0, 0, 78])
  report.writeUInt32BE(4_000_003_000, 16)
  t.ok(rewriter.rtcp(report, 1_066))
  t.equal(report.readUInt32BE(16), after, 'its report matches')
  t.equal(
    sent(timed(7, 10, 78), SECOND, 1_066),
    after + 1,
    'never the same timestamp',
  )
  t.end()
})

await t.test('RtpRewriter accepts one sender until it falls silent', t => {
  const { send } = feed()
  t.equal(send(rtp(1), FIRST, 0), 1)
  t.equal(send(rtp(1, 78), SECOND, 100), undefined)
  t.equal(send(rtp(2), FIRST, 200), 2)
  t.equal(send(rtp(2, 78), SECOND, 300), undefined)
  t.equal(send(rtp(3, 78), SECOND, 500), 3, 'the takeover')
  t.equal(send(rtp(3), FIRST, 501), undefined)
  t.end()
})

await t.test('RtpRewriter rewrites reports of the current sender only', t => {
  const { rewriter, send } = feed()
  const report = () =>
    Buffer.from(
      '80c80006' + // Sender report, seven words.
        '0000004d' + // SSRC 77.
        '000000000000000000000000000000000000000000'.slice(0, 40) +
        '81ca0001' + // Source description, two words.
        '0000004d',
      'hex',
    )
  t.equal(rewriter.rtcp(report(), 1_000), false, 'no sender yet')
  send(rtp(1), FIRST, 0)
  const packet = report()
  t.equal(rewriter.rtcp(packet, 0), true)
  t.equal(packet.readUInt32BE(4), OUR_SSRC)
  t.equal(packet.readUInt32BE(packet.length - 4), OUR_SSRC)
  send(rtp(1, 78), SECOND, 1_000)
  t.equal(rewriter.rtcp(report(), 1_000), false, 'of the sender before')
  t.equal(rewriter.rtcp(Buffer.from([0x80]), 0), false)
  t.end()
})

/** Clock time at which all senders below start, milliseconds. */
const BEGIN_MS = 50_000
const FPS = 25
const FRAME_MS = 1_000 / FPS
const FRAME_TICKS = CLOCK_RATE / FPS

/**
 * Sends 25 frames a second, of two packets each, stamped by `timestampOf`, and
 * returns how far each rewritten frame is from its expected time, in frames.
 */
function frames(count: number, timestampOf: (index: number) => number) {
  const { rewriter, send } = feed()
  const off: number[] = []
  for (let index = 0; index < count; index++) {
    const own = timestampOf(index) + 2 ** 32
    const rewritten = [0, 1].map(part => {
      const nowMs = BEGIN_MS + index * FRAME_MS + part
      const packet = rtp(
        (index * 2 + part) % 65_536,
        77,
        PAYLOAD_TYPE,
        own % 2 ** 32,
      )
      send(packet, FIRST, nowMs)
      return packet.readUInt32BE(4)
    })
    const [first = 0, second] = rewritten
    if (first !== second) throw new Error(`Frame ${index} has two timestamps`)
    const expected = timestampOf(0) + index * FRAME_TICKS
    const ticks = (first - expected + 2 ** 33) % 2 ** 32
    off.push((ticks < 2 ** 31 ? ticks : ticks - 2 ** 32) / FRAME_TICKS)
  }
  return { rewriter, off }
}

const regular = (index: number) => 1_000 + index * FRAME_TICKS
const hours = (count: number) => count * 3_600 * CLOCK_RATE

await t.test('RtpRewriter continues timestamps across a jump', t => {
  const JUMPS = {
    none: regular,
    'an hour ahead': (index: number) =>
      regular(index) + (index < 50 ? 0 : hours(1)),
    'ten minutes back': (index: number) =>
      regular(index) - (index < 50 ? 0 : hours(1 / 6)),
    'to zero': (index: number) => (index < 50 ? hours(3) : 0) + regular(index),
    'a wrap': (index: number) => 2 ** 32 - 50_000 + regular(index),
    'repeated jumps': (index: number) =>
      regular(index) + Math.floor(index / 10) * hours(2),
  }
  for (const [name, timestampOf] of Object.entries(JUMPS)) {
    const { off } = frames(100, timestampOf)
    t.same(
      off.filter(value => value !== 0),
      [],
      name,
    )
  }
  t.end()
})

await t.test('RtpRewriter corrects a single outlier', t => {
  const OUTLIERS = {
    'hours ahead': (index: number) =>
      regular(index) + (index % 50 === 49 ? hours(10.4) : 0),
    'hours back': (index: number) =>
      regular(index) - (index % 50 === 49 ? hours(2.7) : 0),
    'two that disagree': (index: number) =>
      regular(index) + (index === 20 ? hours(1) : index === 21 ? hours(5) : 0),
  }
  for (const [name, timestampOf] of Object.entries(OUTLIERS)) {
    const { off } = frames(200, timestampOf)
    t.same(
      off.filter(value => value !== 0),
      [],
      name,
    )
  }
  t.end()
})

await t.test('RtpRewriter preserves the order of B-frames', t => {
  const order = [0, 3, 1, 2]
  const { off } = frames(100, index => {
    const place = Math.floor(index / 4) * 4 + (order[index % 4] ?? 0)
    return regular(place)
  })
  t.same(off.slice(0, 4), [0, 2, -1, -1])
  t.same(off.slice(96), [0, 2, -1, -1])
  t.end()
})

await t.test('RtpRewriter preserves stalls and bursts', t => {
  const { send } = feed()
  const sent = (timestamp: number, nowMs: number) => {
    const packet = rtp(sequence++, 77, PAYLOAD_TYPE, timestamp)
    send(packet, FIRST, nowMs)
    return packet.readUInt32BE(4)
  }
  let sequence = 1
  const second = CLOCK_RATE
  t.equal(sent(0, 0), 0)
  t.equal(sent(8 * second, 8_000), 8 * second, 'a picture after eight seconds')
  t.equal(sent(16 * second, 21_000), 16 * second, 'late')
  t.equal(sent(24 * second, 24_000), 24 * second, 'on time again')
  t.equal(sent(84 * second, 84_000), 84 * second, 'after a minute')
  t.equal(sent(85 * second, 84_001), 85 * second, 'a burst')
  t.equal(sent(86 * second, 84_002), 86 * second)
  t.equal(sent(87 * second, 84_003), 87 * second)
  t.end()
})

await t.test(
  'RtpRewriter gives late packets the timestamp of their frame',
  t => {
    const { send } = feed()
    const sent = (sequence: number, timestamp: number, nowMs: number) => {
      const packet = rtp(sequence, 77, PAYLOAD_TYPE, timestamp)
      send(packet, FIRST, nowMs)
      return packet.readUInt32BE(4)
    }
    sent(1, 0, 0)
    sent(2, 3_000, 33)
    t.equal(sent(5, hours(1), 100), 9_000, 'a jump')
    t.equal(sent(4, 6_000, 101), 6_000, 'a late packet from before it')
    t.equal(sent(6, hours(1), 102), 9_000)
    t.equal(sent(7, hours(1) + 3_000, 133), 12_000)
    t.end()
  },
)

/** A sender report with this timestamp. */
function reportOf(timestamp: number): Buffer {
  const report = Buffer.alloc(28)
  report.set([0x80, 200, 0, 6, 0, 0, 0, 77])
  report.writeUInt32BE((timestamp + 2 ** 33) % 2 ** 32, 16)
  return report
}

await t.test(
  'RtpRewriter keeps reports consistent with packets after a jump',
  t => {
    const jump = (index: number) => regular(index) - (index < 50 ? 0 : hours(1))
    const lag = 9_000
    const reported = (timestampOf: (index: number) => number, at: number) => {
      const { rewriter, send } = feed()
      let rewritten = 0
      for (let index = 0; index < 100; index++) {
        const nowMs = BEGIN_MS + index * FRAME_MS
        const timestamp = (jump(index) + 2 ** 33) % 2 ** 32
        send(rtp(index, 77, PAYLOAD_TYPE, timestamp), FIRST, nowMs)
        if (index !== 25 && index !== at) continue
        const report = reportOf(timestampOf(index) + lag)
        t.ok(rewriter.rtcp(report, nowMs))
        rewritten = report.readUInt32BE(16)
      }
      return rewritten
    }
    const expected = regular(75) + lag
    t.equal(reported(jump, 75), expected, "a camera's, which jump too")
    t.equal(reported(regular, 75), expected, "FFmpeg's, which do not jump")
    t.equal(reported(regular, 50), regular(50) + lag, 'right after the jump')
    t.end()
  },
)
