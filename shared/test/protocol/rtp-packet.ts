import t from 'tap'

import { readRtpHeader, writeRtpHeader } from '../../protocol/rtp-packet.ts'

function packet(second: number): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.set([0x80, second, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4])
  return bytes
}

t.test('readRtpHeader() reads the header that writeRtpHeader() wrote', t => {
  const bytes = packet(0x80 | 96)
  const header = { sequence: 65_535, timestamp: 2 ** 32 - 1, ssrc: 2 ** 31 }
  writeRtpHeader(bytes, header)
  t.same(readRtpHeader(bytes), { ...header, payloadType: 96 })
  t.end()
})

t.test('readRtpHeader() rejects RTCP and other packets', t => {
  t.equal(readRtpHeader(packet(96).subarray(0, 11)), undefined, 'too short')
  t.equal(readRtpHeader(Buffer.alloc(20)), undefined, 'another version')
  for (const type of [200, 201, 202, 203, 204, 205, 206, 207]) {
    t.equal(readRtpHeader(packet(type)), undefined, `RTCP ${type}`)
  }
  t.equal(readRtpHeader(packet(0x80 | 35))?.payloadType, 35)
  t.end()
})
