/**
 * What a waiting series costs the media process, and that more observations
 * of it cost nothing: the exporter is away all the time.
 */
import { randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { isBootId } from '../../shared/protocol/ids.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { Outbox } from '../../media/outbox/outbox.ts'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

function heapBytes(): number {
  if (typeof collect === 'function') Reflect.apply(collect, undefined, [])
  return process.memoryUsage().heapUsed
}

function newOutbox(): Outbox {
  const boot = randomUUID()
  if (!isBootId(boot)) throw new RangeError(`Cannot use ${boot} as a boot id`)
  return new Outbox({
    core: 'bench',
    boot,
    url: new URL('ws://127.0.0.1:9/ingest'),
    clock: systemClock,
    random: Math.random,
    view: () => ({ streams: [], udpPorts: { inUse: 0, available: 0 } }),
    log: createLog({ write: () => undefined, now: () => new Date() }),
  })
}

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
write('heap of a series that waits, half of them histograms')
for (const series of [500, 5_000, 50_000]) {
  const ids = Array.from({ length: series / 4 }, (_, i) => `camera-${i}`)
  const outbox = newOutbox()
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
