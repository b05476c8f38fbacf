/**
 * The alerts of exporter-alerts.yml fire on real faults. WebRTCStateNotKept
 * would need a full disk, so it has promtool tests only.
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
import { FakeMedia } from './fixtures/fake-media.ts'

const CORE = 'dragonfork-test'
const SNAPSHOT_INTERVAL_MS = 1_000

/** An exporter with a fake media process, and the bundle's Prometheus. */
interface Pipeline {
  readonly exporter: ReturnType<typeof startExporter>
  readonly ingestUrl: string
  readonly media: FakeMedia
  readonly prometheus: BundlePrometheus
}

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Sends one snapshot only, as a media process that gets stuck. */
  readonly stuck?: boolean
}

async function start(
  t: Test,
  { env = {}, stuck = false }: StartOptions = {},
): Promise<Pipeline> {
  const exporter = startExporter(t, { CORE_ID: CORE, ...env })
  const target = `127.0.0.1:${await listening(exporter, 'web')}`
  const ingest = await listening(exporter, 'ingest')
  const ingestUrl = `ws://127.0.0.1:${ingest}/ingest`
  const media = await FakeMedia.connect(t, ingestUrl, CORE)
  media.sendSnapshot('live')
  // Prometheus may take longer to start than a snapshot takes to be stale.
  if (!stuck) sendSnapshots(t, media)
  const prometheus = await startBundlePrometheus(t, { target, core: CORE })
  await scrapedTwice(prometheus, 'dragonfork_exporter_media_connected')
  return { exporter, ingestUrl, media, prometheus }
}

/** Waits for a second scrape, so that increase() sees any growth from then. */
async function scrapedTwice(prometheus: BundlePrometheus, metric: string) {
  await waitFor(async () => {
    const [answer] = await prometheus.query(`count_over_time(${metric}[1m])`)
    return (answer?.value ?? 0) >= 2
  }, `two scrapes of ${metric}`)
}

/** Sends snapshots regularly, as a healthy media process does. */
function sendSnapshots(t: Test, media: FakeMedia): void {
  const timer = setInterval(() => {
    media.sendSnapshot('live')
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

  t.test('lost observations fire WebRTCObservationsLost only', async t => {
    const { media, prometheus } = await start(t)
    media.sendBatch({ observed: 5, lost: 0 })
    t.strictSame(await prometheus.firing(), [])
    media.sendBatch({ observed: 12, lost: 5 })
    const { labels, annotations } = await prometheus.fires(
      'WebRTCObservationsLost',
    )
    t.equal(labels['core'], CORE)
    t.match(annotations['summary'], CORE)
    t.strictSame(await prometheus.firing(), ['WebRTCObservationsLost'])
  })

  t.test('a malformed frame fires WebRTCObservationsRejected only', async t => {
    const { ingestUrl, prometheus } = await start(t)
    const stranger = new WebSocket(ingestUrl)
    await once(stranger, 'open')
    stranger.send('{"kind":"nonsense"}')
    await once(stranger, 'close')
    const { labels } = await prometheus.fires('WebRTCObservationsRejected')
    t.equal(labels['reason'], 'malformed')
    t.strictSame(await prometheus.firing(), ['WebRTCObservationsRejected'])
  })

  t.test('too many streams fire WebRTCSeriesRejected only', async t => {
    const { media, prometheus } = await start(t, {
      env: { EXPORTER_MAX_STREAMS: '1' },
    })
    media.sendSnapshot('live', 'other', 'third')
    await prometheus.fires('WebRTCSeriesRejected')
    t.strictSame(await prometheus.firing(), ['WebRTCSeriesRejected'])
  })

  t.test('WebRTCSnapshotStale fires until snapshots arrive', async t => {
    const { media, prometheus } = await start(t, { stuck: true })
    await prometheus.fires('WebRTCSnapshotStale')
    sendSnapshots(t, media)
    await prometheus.ends('WebRTCSnapshotStale')
    t.strictSame(await prometheus.firing(), [])
  })

  t.test(
    'a disconnect fires its alert, a killed exporter replaces it',
    async t => {
      const { exporter, media, prometheus } = await start(t)
      await media.close()
      const { labels } = await prometheus.fires('WebRTCMediaNotConnected')
      t.equal(labels['core'], CORE)
      exporter.kill('SIGKILL')
      await exporter.exited
      await prometheus.fires('WebRTCExporterDown')
      // Without a scrape it is unknown whether the media process is connected.
      await prometheus.ends('WebRTCMediaNotConnected')
    },
  )
  t.end()
})
