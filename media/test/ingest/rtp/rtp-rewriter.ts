import t from 'tap'

import { RtpContinuity } from '../../../ingest/rtp/rtp-rewriter.ts'

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
    mostBackMs: 1_000,
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
  t.ok(continuity.rtcp(report, 1_066))
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
  t.equal(continuity.rtcp(report(), 1_000), false, 'there is none yet')
  send(rtp(1), ONE, 0)
  const packet = report()
  t.equal(continuity.rtcp(packet, 0), true)
  t.equal(packet.readUInt32BE(4), OUR_SSRC)
  t.equal(packet.readUInt32BE(packet.length - 4), OUR_SSRC)
  send(rtp(1, 78), OTHER, 1_000)
  t.equal(continuity.rtcp(report(), 1_000), false, 'its sender is gone')
  t.equal(continuity.rtcp(Buffer.from([0x80]), 0), false)
  t.end()
})

/** Milliseconds of the clock that all senders below begin at. */
const BEGIN_MS = 50_000
const FPS = 25
const FRAME_MS = 1_000 / FPS
const FRAME_TICKS = CLOCK_RATE / FPS

/**
 * A sender of 25 frames a second, of two packets each, whose timestamps are
 * changed by `change`; gives by how much each frame that comes out is off,
 * in frames, and which frames had timestamps that are not one.
 */
function frames(count: number, change: (index: number) => number) {
  const { continuity, send } = feed()
  const off: number[] = []
  for (let index = 0; index < count; index++) {
    const own = change(index) + 2 ** 32
    const outs = [0, 1].map(part => {
      const nowMs = BEGIN_MS + index * FRAME_MS + part
      const packet = rtp(
        (index * 2 + part) % 65_536,
        77,
        PAYLOAD_TYPE,
        own % 2 ** 32,
      )
      send(packet, ONE, nowMs)
      return packet.readUInt32BE(4)
    })
    const [first = 0, second] = outs
    if (first !== second) throw new Error(`Frame ${index} has two timestamps`)
    const expected = change(0) + index * FRAME_TICKS
    const ticks = (first - expected + 2 ** 33) % 2 ** 32
    off.push((ticks < 2 ** 31 ? ticks : ticks - 2 ** 32) / FRAME_TICKS)
  }
  return { continuity, off }
}

const regular = (index: number) => 1_000 + index * FRAME_TICKS
const hours = (count: number) => count * 3_600 * CLOCK_RATE

await t.test('RtpContinuity goes on where timestamps leap', t => {
  const LEAPS = {
    none: regular,
    'an hour on': (index: number) =>
      regular(index) + (index < 50 ? 0 : hours(1)),
    'ten minutes back': (index: number) =>
      regular(index) - (index < 50 ? 0 : hours(1 / 6)),
    'to zero': (index: number) => (index < 50 ? hours(3) : 0) + regular(index),
    'around 32 bit': (index: number) => 2 ** 32 - 50_000 + regular(index),
    'again and again': (index: number) =>
      regular(index) + Math.floor(index / 10) * hours(2),
  }
  for (const [name, change] of Object.entries(LEAPS)) {
    const { off } = frames(100, change)
    t.same(
      off.filter(value => value !== 0),
      [],
      name,
    )
  }
  t.end()
})

await t.test('RtpContinuity lets one wild frame be one', t => {
  const WILD = {
    'hours on': (index: number) =>
      regular(index) + (index % 50 === 49 ? hours(10.4) : 0),
    'hours back': (index: number) =>
      regular(index) - (index % 50 === 49 ? hours(2.7) : 0),
    'two of their own': (index: number) =>
      regular(index) + (index === 20 ? hours(1) : index === 21 ? hours(5) : 0),
  }
  for (const [name, change] of Object.entries(WILD)) {
    const { off } = frames(200, change)
    t.same(
      off.filter(value => value !== 0),
      [],
      name,
    )
  }
  t.end()
})

await t.test('RtpContinuity leaves the order of B-frames', t => {
  const order = [0, 3, 1, 2]
  const { off } = frames(100, index => {
    const place = Math.floor(index / 4) * 4 + (order[index % 4] ?? 0)
    return regular(place)
  })
  t.same(off.slice(0, 4), [0, 2, -1, -1])
  t.same(off.slice(96), [0, 2, -1, -1])
  t.end()
})

await t.test('RtpContinuity leaves stalls and what catches up', t => {
  const { send } = feed()
  const sent = (timestamp: number, nowMs: number) => {
    const packet = rtp(sequence++, 77, PAYLOAD_TYPE, timestamp)
    send(packet, ONE, nowMs)
    return packet.readUInt32BE(4)
  }
  let sequence = 1
  const second = CLOCK_RATE
  t.equal(sent(0, 0), 0)
  t.equal(sent(8 * second, 8_000), 8 * second, 'a picture in eight seconds')
  t.equal(sent(16 * second, 21_000), 16 * second, 'late')
  t.equal(sent(24 * second, 24_000), 24 * second, 'and caught up')
  t.equal(sent(84 * second, 84_000), 84 * second, 'after a minute')
  t.equal(sent(85 * second, 84_001), 85 * second, 'a burst')
  t.equal(sent(86 * second, 84_002), 86 * second)
  t.equal(sent(87 * second, 84_003), 87 * second)
  t.end()
})

await t.test('RtpContinuity gives late packets what their frame has', t => {
  const { send } = feed()
  const sent = (sequence: number, timestamp: number, nowMs: number) => {
    const packet = rtp(sequence, 77, PAYLOAD_TYPE, timestamp)
    send(packet, ONE, nowMs)
    return packet.readUInt32BE(4)
  }
  sent(1, 0, 0)
  sent(2, 3_000, 33)
  t.equal(sent(5, hours(1), 100), 9_000, 'a leap')
  t.equal(sent(4, 6_000, 101), 6_000, 'one from before it')
  t.equal(sent(6, hours(1), 102), 9_000)
  t.equal(sent(7, hours(1) + 3_000, 133), 12_000)
  t.end()
})

/** A report of a timestamp. */
function reportOf(timestamp: number): Buffer {
  const report = Buffer.alloc(28)
  report.set([0x80, 200, 0, 6, 0, 0, 0, 77])
  report.writeUInt32BE((timestamp + 2 ** 33) % 2 ** 32, 16)
  return report
}

await t.test('RtpContinuity makes reports speak of the packets', t => {
  const leap = (index: number) => regular(index) - (index < 50 ? 0 : hours(1))
  const lag = 9_000
  const reported = (change: (index: number) => number, at: number) => {
    const { continuity, send } = feed()
    let told = 0
    for (let index = 0; index < 100; index++) {
      const nowMs = BEGIN_MS + index * FRAME_MS
      const timestamp = (leap(index) + 2 ** 33) % 2 ** 32
      send(rtp(index, 77, PAYLOAD_TYPE, timestamp), ONE, nowMs)
      if (index !== 25 && index !== at) continue
      const report = reportOf(change(index) + lag)
      t.ok(continuity.rtcp(report, nowMs))
      told = report.readUInt32BE(16)
    }
    return told
  }
  const wanted = regular(75) + lag
  t.equal(reported(leap, 75), wanted, "a camera's, which leap as well")
  t.equal(reported(regular, 75), wanted, "FFmpeg's, which do not")
  t.equal(reported(regular, 50), regular(50) + lag, 'at once')
  t.end()
})
