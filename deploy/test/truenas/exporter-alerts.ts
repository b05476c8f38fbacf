/**
 * The alerts of exporter-alerts.yml, their faults made for real; but for
 * WebRTCStateNotKept, which needs a full disk and has promtool's tests only.
 */
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { listening, startExporter } from '../fixtures/stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import {
  startBundlePrometheus,
  type BundlePrometheus,
} from './fixtures/bundle-prometheus.ts'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { startTeller, type Teller } from './fixtures/teller.ts'

const CORE = 'dragonfork-test'
const SNAPSHOT_INTERVAL_MS = 1_000

/** An exporter, what tells it, and a Prometheus with the bundle's rules. */
interface Setting {
  readonly exporter: ReturnType<typeof startExporter>
  readonly ingestUrl: string
  readonly teller: Teller
  readonly prometheus: BundlePrometheus
}

async function start(
  t: Test,
  env: Readonly<Record<string, string>> = {},
): Promise<Setting> {
  const exporter = startExporter(t, { CORE_ID: CORE, ...env })
  const target = `127.0.0.1:${await listening(exporter, 'web')}`
  const ingest = await listening(exporter, 'ingest')
  const ingestUrl = `ws://127.0.0.1:${ingest}/ingest`
  const teller = await startTeller(t, ingestUrl, CORE)
  teller.snapshot('live')
  const prometheus = await startBundlePrometheus(t, { target, core: CORE })
  await seen(prometheus, 'dragonfork_exporter_media_connected')
  return { exporter, ingestUrl, teller, prometheus }
}

/** Waits for a second scrape: what grows from there is seen growing. */
async function seen(prometheus: BundlePrometheus, metric: string) {
  await waitFor(async () => {
    const [answer] = await prometheus.query(`count_over_time(${metric}[1m])`)
    return (answer?.value ?? 0) >= 2
  }, `two scrapes of ${metric}`)
}

/** Tells snapshots again and again, as a healthy media process does. */
function keepTelling(t: Test, teller: Teller, ...streams: string[]): void {
  const timer = setInterval(() => {
    teller.snapshot(...streams)
  }, SNAPSHOT_INTERVAL_MS)
  t.teardown(() => {
    clearInterval(timer)
  })
}

t.test('exporter alerts', { jobs: 4 }, t => {
  if (requireProgram(t, 'prometheus') === undefined) {
    t.end()
    return
  }

  t.test('what the media process lost, and it alone, is told', async t => {
    const { teller, prometheus } = await start(t)
    keepTelling(t, teller, 'live')
    teller.batch(5, 0)
    t.strictSame(await prometheus.firing(), [])
    teller.batch(12, 5)
    const { labels, annotations } = await prometheus.fires(
      'WebRTCObservationsLost',
    )
    t.equal(labels['core'], CORE)
    t.match(annotations['summary'], CORE)
    t.strictSame(await prometheus.firing(), ['WebRTCObservationsLost'])
  })

  t.test('a frame that is none raises the alert with its reason', async t => {
    const { ingestUrl, teller, prometheus } = await start(t)
    keepTelling(t, teller, 'live')
    const stranger = new WebSocket(ingestUrl)
    await once(stranger, 'open')
    stranger.send('{"kind":"nonsense"}')
    await once(stranger, 'close')
    const { labels } = await prometheus.fires('WebRTCObservationsRejected')
    t.equal(labels['reason'], 'malformed')
    t.strictSame(await prometheus.firing(), ['WebRTCObservationsRejected'])
  })

  t.test('more streams than EXPORTER_MAX_STREAMS', async t => {
    const { teller, prometheus } = await start(t, { EXPORTER_MAX_STREAMS: '1' })
    keepTelling(t, teller, 'live', 'other', 'third')
    await prometheus.fires('WebRTCSeriesRejected')
    t.strictSame(await prometheus.firing(), ['WebRTCSeriesRejected'])
  })

  t.test('a media process that is connected but silent', async t => {
    const { teller, prometheus } = await start(t)
    await prometheus.fires('WebRTCSnapshotStale')
    keepTelling(t, teller, 'live')
    await prometheus.ends('WebRTCSnapshotStale')
    t.strictSame(await prometheus.firing(), [])
  })

  t.test('a media process that is gone, then an exporter that is', async t => {
    const { exporter, teller, prometheus } = await start(t)
    await teller.close()
    const { labels } = await prometheus.fires('WebRTCMediaNotConnected')
    t.equal(labels['core'], CORE)
    exporter.kill('SIGKILL')
    await exporter.exited
    await prometheus.fires('WebRTCExporterDown')
    // What cannot be scraped is not said to be disconnected.
    await prometheus.ends('WebRTCMediaNotConnected')
  })
  t.end()
})
