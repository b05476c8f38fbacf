import t from 'tap'

import { parseProcessConfig } from '../../process/config.ts'
import { staleLimits } from '../../process/stale-timeout.ts'
import { RULES } from '../fixtures/process-list.ts'

function limits(
  address: string,
  options: readonly string[] = [],
  more: object = { webrtc: { enabled: true } },
) {
  const input = [{ id: 'in', address, options }]
  return staleLimits(parseProcessConfig({ id: 'cam', input, ...more }, RULES))
}

t.test('an FFmpeg that feeds a stream has a default stale timeout', t => {
  const noticed = { staleTimeoutMs: 60_000, waitsForSender: false }
  t.same(limits('rtsp://127.0.0.1/cam'), noticed)
  t.same(limits('http://127.0.0.1/listen'), noticed)
  t.end()
})

t.test('a configured stale timeout takes precedence', t => {
  const more = { webrtc: { enabled: true }, stale_timeout_seconds: 5 }
  t.same(limits('udp://127.0.0.1:1', [], more), {
    staleTimeoutMs: 5_000,
    waitsForSender: false,
  })
  t.end()
})

t.test('a process without a stream has no default stale timeout', t => {
  const more = { output: [{ id: 'out', address: 'out.ts' }] }
  t.equal(limits('rtsp://127.0.0.1/cam', [], more).staleTimeoutMs, 0)
  t.end()
})

t.test('an FFmpeg that waits for a sender has no default stale timeout', t => {
  for (const [address, options] of [
    ['udp://127.0.0.1:1', []],
    ['rtp://127.0.0.1:1', []],
    ['/cameras/door.sdp', []],
    ['srt://127.0.0.1:1?mode=listener', []],
    ['http://127.0.0.1:1/?listen=1', []],
    ['rtmp://127.0.0.1:1/live', ['-listen', '1']],
    ['rtsp://127.0.0.1:1/live', ['-rtsp_flags', 'listen']],
  ] as const) {
    t.equal(limits(address, options).waitsForSender, true, address)
  }
  t.end()
})
