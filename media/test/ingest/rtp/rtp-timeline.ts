import fc from 'fast-check'
import t from 'tap'

import { RtpTimeline, ticksBetween } from '../../../ingest/rtp/rtp-timeline.ts'

const VIDEO = { clockRate: 90_000, maxBackMs: 1_000 }
const TIMESTAMPS = 2 ** 32

t.test('ticksBetween() is the shorter way round 2^32', t => {
  const timestamp = fc.integer({ min: 0, max: TIMESTAMPS - 1 })
  const step = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(timestamp, step, (from, ticks) => {
      const to = (from + ticks + TIMESTAMPS) % TIMESTAMPS
      return ticksBetween(from, to) === ticks
    }),
  )
  t.end()
})

t.test('packets that repeat a timestamp do not change what fits', t => {
  const frame = fc.record({
    ticks: fc.integer({ min: -200_000, max: 400_000 }),
    ms: fc.double({ min: 0, max: 5_000, noNaN: true }),
    /** When its other packets arrive, after the last. */
    repeatsMs: fc.array(fc.double({ min: 0, max: 50, noNaN: true }), {
      maxLength: 10,
    }),
  })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 40 }), frames => {
      const every = new RtpTimeline(VIDEO, 0, 0)
      const firstOnly = new RtpTimeline(VIDEO, 0, 0)
      let timestamp = 0
      let nowMs = 0
      for (const { ticks, ms, repeatsMs } of frames) {
        timestamp = (timestamp + ticks + TIMESTAMPS) % TIMESTAMPS
        nowMs += ms
        const fits = every.fits(timestamp, nowMs)
        if (fits !== firstOnly.fits(timestamp, nowMs)) return false
        if (!fits) continue
        every.advance(timestamp, nowMs)
        firstOnly.advance(timestamp, nowMs)
        for (const repeatMs of repeatsMs) {
          nowMs += repeatMs
          if (!every.fits(timestamp, nowMs)) return false
          every.advance(timestamp, nowMs)
        }
      }
      return true
    }),
  )
  t.end()
})
