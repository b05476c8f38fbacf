import fc from 'fast-check'
import t from 'tap'

import { LegTraffic } from '../../../ingest/watch/leg-traffic.ts'
import { readRtpHeader } from '../../../../shared/protocol/rtp-packet.ts'

const PLAN = {
  kind: 'video',
  codec: 'h264',
  payloadType: 96,
  ssrc: 2_222,
} as const
/** 4:4:4, which browsers do not decode. */
const SPS_444 = [0x67, 0xf4, 0x00, 0x1e, 0x91, 0x96]

function inspect(traffic: LegTraffic, packet: Buffer): void {
  const header = readRtpHeader(packet)
  if (header !== undefined) traffic.forwarded(header, packet, 0)
}

t.test('LegTraffic finds an SPS alone, in a STAP-A and after CSRCs', t => {
  const payloads = [
    [0x80, SPS_444],
    [0x80, [0x78, 0, SPS_444.length, ...SPS_444]],
    [0x81, [9, 9, 9, 9, ...SPS_444]],
    [0x90, [0xbe, 0xde, 0, 1, 9, 9, 9, 9, ...SPS_444]],
  ] as const
  for (const [first, rest] of payloads) {
    const traffic = new LegTraffic(PLAN)
    const packet = Buffer.from([first, 96, ...Array<number>(10), ...rest])
    inspect(traffic, packet)
    t.match(traffic.faults(0), [{ reason: /pixel-format/ }])
  }
  t.end()
})

t.test('LegTraffic accepts any bytes', t => {
  const bytes = fc.uint8Array({ maxLength: 80 })
  const first = fc.integer({ min: 0x80, max: 0xbf })
  fc.assert(
    fc.property(first, bytes, (first, rest) => {
      inspect(new LegTraffic(PLAN), Buffer.from([first, 96, ...rest]))
    }),
    { numRuns: 2_000 },
  )
  t.end()
})
