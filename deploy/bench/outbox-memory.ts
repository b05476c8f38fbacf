/**
 * Measures the heap per waiting series in the media process while the exporter
 * is away, after one observation of each series and after 21.
 */
import type { Outbox } from '../../media/outbox/outbox.ts'
import { heapBytes } from './rig/heap.ts'
import { createOutbox } from './rig/outbox.ts'

function reportAll(outbox: Outbox, ids: readonly string[]): void {
  for (const stream_id of ids) {
    for (const leg of ['video', 'audio'] as const) {
      outbox.report({
        family: 'dragonfork_webrtc_ffmpeg_leg_failures_total',
        labels: { stream_id, leg },
      })
    }
    for (const result of ['connected', 'failed'] as const) {
      outbox.report({
        family: 'dragonfork_webrtc_ice_establishment_duration_seconds',
        labels: { stream_id, result },
        value: 0.3,
      })
    }
  }
}

const write = (line: string) => process.stdout.write(`${line}\n`)
write('heap per waiting series, half of them histograms')
for (const series of [500, 5_000, 50_000]) {
  const ids = Array.from({ length: series / 4 }, (_, i) => `camera-${i}`)
  const outbox = createOutbox()
  const before = heapBytes()
  reportAll(outbox, ids)
  const once = heapBytes() - before
  for (let i = 0; i < 20; i += 1) reportAll(outbox, ids)
  const often = heapBytes() - before
  const each = (bytes: number) => Math.round(bytes / series)
  write(
    `  ${series.toLocaleString('en').padStart(7)} series  ` +
      `${each(once)} bytes each after 1 observation, ` +
      `${each(often)} after 21`,
  )
  await outbox.close()
}
