import t from 'tap'

import {
  iceDuration,
  legFailure,
  startExporter,
  startOutbox,
} from './fixtures/outbox.ts'

const LEG = 'dragonfork_webrtc_ffmpeg_leg_failures_total'
const ICE = 'dragonfork_webrtc_ice_establishment_duration_seconds'

t.test('outbox brings totals to the exporter', async t => {
  const exporter = await startExporter(t)
  const { outbox } = startOutbox(t, exporter.url)
  outbox.report(legFailure('cam'))
  outbox.report(legFailure('cam'))
  outbox.report(iceDuration('cam', 0.3))
  await exporter.until(() => exporter.observed === 3)
  t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [2])
  t.strictSame(
    exporter.shown.get(`${ICE}|cam|connected`),
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0.3],
  )
  t.equal(exporter.frames[0]?.kind, 'hello')
})

t.test(
  'outbox brings what was reported while the exporter was away',
  async t => {
    const exporter = await startExporter(t)
    await exporter.down()
    const { outbox } = startOutbox(t, exporter.url)
    for (let i = 0; i < 1000; i += 1) outbox.report(legFailure('cam'))
    await exporter.up()
    await exporter.until(() => exporter.observed === 1000)
    t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [1000])
    t.equal(exporter.batches.length, 1, 'merged into one batch')
  },
)

t.test('close() brings what is owed, then ends', async t => {
  const exporter = await startExporter(t)
  const { outbox } = startOutbox(t, exporter.url)
  await exporter.until(() => exporter.connections === 1)
  outbox.report(legFailure('cam'))
  await outbox.close()
  t.equal(exporter.observed, 1)
  await outbox.close()
})
