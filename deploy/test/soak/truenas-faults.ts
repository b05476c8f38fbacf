/**
 * The alerts of webrtc-alerts.yml fire on real faults, and with all that
 * traffic every query of the dashboard returns data.
 */
import t from 'tap'
import { makeOffer } from '../../verify/offer.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { WhepViewer } from '../fixtures/whep-viewer.ts'
import type { Answer } from '../../../shared/test/fixtures/prometheus.ts'
import {
  CORE,
  keepDoing,
  startBundleStack,
} from '../truenas/fixtures/bundle-stack.ts'
import {
  HEALTH,
  queriesOf,
  readDashboard,
} from '../truenas/fixtures/dashboard.ts'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

/** Abandoned viewers fail after this time, above the alert's 3 seconds. */
const ICE_TIMEOUT_MS = 9_000
const MAX_PEERS = 40

t.test('WebRTC alerts on real faults', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const bundle = await startBundleStack(
    t,
    await takePorts(100),
    {
      CORE_WEBRTC_ICE_TIMEOUT_MS: String(ICE_TIMEOUT_MS),
      CORE_WEBRTC_MAX_PEERS_PER_STREAM: String(MAX_PEERS),
    },
    { probes: true },
  )
  const { prometheus } = bundle
  const offer = makeOffer()
  await WhepViewer.open(t, bundle.endpoint)

  await t.test('a stopped FFmpeg fires WebRTCFFmpegLegFailure', async t => {
    await bundle.signalFfmpeg('SIGSTOP')
    await prometheus.fires('WebRTCFFmpegLegFailure')
    await prometheus.ends('WebRTCFFmpegLegFailure')
    await bundle.firstLineIs('A stream lacks video or audio')
    t.pass('still shown after the alert has ended')
    await bundle.signalFfmpeg('SIGCONT')
    await bundle.firstLineIs('OK')
  })

  await t.test(
    'errors and abandoned viewers fire their three alerts',
    async t => {
      const makeErrors = () =>
        Promise.all([bundle.post('nobody', offer), bundle.post('demo', offer)])
      const [errors, failing, slow] = await keepDoing(500, makeErrors, () =>
        Promise.all([
          prometheus.fires('WebRTCWHEPErrorRateHigh'),
          prometheus.fires('WebRTCICEFailureRateHigh'),
          prometheus.fires('WebRTCICEEstablishmentSlow'),
        ]),
      )
      t.equal(errors.labels['core'], CORE)
      t.equal(errors.labels['stream_id'], '_unknown')
      t.equal(failing.labels['core'], CORE)
      t.equal(failing.labels['stream_id'], 'demo')
      t.equal(slow.labels['core'], CORE)
      t.equal(slow.labels['stream_id'], 'demo')
      await bundle.firstLineIs('ICE failures')
    },
  )

  await t.test('a killed FFmpeg fires WebRTCFFmpegLegFailure', async t => {
    await bundle.signalFfmpeg('SIGKILL')
    const { labels } = await prometheus.fires('WebRTCFFmpegLegFailure')
    t.equal(labels['core'], CORE)
    t.equal(labels['severity'], 'critical')
    await bundle.firstLineIs('FFmpeg leg failed')
    await prometheus.ends('WebRTCFFmpegLegFailure')
  })

  await t.test('every query of the dashboard returns data', async t => {
    await bundle.post('demo', offer.replaceAll('packetization-mode=1', 'x=0'))
    const codes = await Promise.all(
      Array.from({ length: MAX_PEERS + 1 }, () => bundle.post('demo', offer)),
    )
    t.ok(codes.includes(503), 'the cap is reached')
    await bundle.restartMedia()
    const dashboard = await readDashboard(HEALTH)
    const annotations = dashboard.annotations?.list.map(({ name }) => name)
    for (const { where, expr } of queriesOf(dashboard)) {
      // An annotation may have its event anywhere in the time range.
      const overTime = annotations?.includes(where)
        ? `max_over_time((${expr})[5m:1s])`
        : expr
      const samples = await waitFor(async () => {
        const found = await bundle.query(overTime)
        return found.some(isNumber) && found
      }, where)
      t.ok(samples.length > 0, `${where}: ${samples.length} series`)
    }
  })
})

function isNumber({ value }: Answer): boolean {
  return Number.isFinite(value)
}
