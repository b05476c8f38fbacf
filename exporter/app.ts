/**
 * The exporter: collects the metrics of one media process for Prometheus.
 *
 * Owns: the totals of all boots of the media process, and their state file.
 * Gets: batches and snapshots over one WebSocket, by feed/.
 * Gives: /metrics in two formats, by web/; probes of streams, by probe/.
 *
 * Data goes feed/ -> registry/ -> web/, and probe/ -> web/. This file starts the
 * parts in order; config.ts has the settings, limits.ts the limits, telemetry.ts
 * the metrics of the exporter itself.
 */
import type { Log } from '../shared/runtime/log.ts'
import type { Clock } from '../shared/runtime/clock.ts'
import type { Config } from './config.ts'
import { IngestServer } from './feed/ingest-server.ts'
import type { BoundAddress } from './http-server.ts'
import type { Limits } from './limits.ts'
import { Prober } from './probe/prober.ts'
import { createLedger, type Ledger } from './registry/ledger.ts'
import { MetricStore } from './registry/metric-store.ts'
import { StateFile } from './registry/state-file.ts'
import { createTelemetry, type Telemetry } from './telemetry.ts'
import { createSampledWriter } from './web/own-families.ts'
import { writePage } from './web/page.ts'
import { WebServer } from './web/web-server.ts'

/** Interval of the checks for expired streams, milliseconds. */
const EXPIRY_INTERVAL_MS = 10_000

export interface AppOptions {
  readonly version: string
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Log
}

export interface App {
  readonly web: BoundAddress
  readonly ingest: BoundAddress
  /** Closes everything in reverse order of opening. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts the exporter. Binds both addresses before it opens the state file: a
 * second exporter started by mistake fails to bind and does not touch the file
 * of the first one. Requests that arrive in between wait. After a failure
 * everything is closed again.
 * @throws {StartError} if an address or the state file cannot be used
 */
export async function startApp(
  config: Config,
  { version, limits, clock, log }: AppOptions,
): Promise<App> {
  const opened: (() => Promise<void>)[] = []
  let closed: Promise<void> | undefined
  const close = () => (closed ??= closeAll(opened))
  let ready = false
  try {
    const { core, maxStreams } = config
    const telemetry = createTelemetry(version)
    const { registry: own, processRegistry, setSeries } = telemetry
    const writeProcess = createSampledWriter(processRegistry, core, clock)
    const opening = Promise.withResolvers<MetricStore>()
    const prober = createProber(config, opening.promise, limits, log)
    const webServer = new WebServer({
      version,
      core,
      page: async format => {
        const store = await opening.promise
        return writePage({ store, own, writeProcess, setSeries }, format)
      },
      probe: prober?.probe.bind(prober),
      streamsToProbe: async () =>
        prober === undefined ? [] : (await opening.promise).running(),
      observeScrape: telemetry.observeScrape,
      isReady: () => ready,
      basicAuth: config.basicAuth,
      tls: config.tls,
      limits,
      clock,
      log: log.with({ part: 'web' }),
    })
    opened.push(() => webServer.close())
    if (prober !== undefined) opened.push(() => prober.close())
    const web = await webServer.listen(config.address)
    const ingestServer = new IngestServer({
      core,
      token: config.ingestToken,
      limits,
      clock,
      log: log.with({ part: 'ingest' }),
      onRejected: telemetry.countRejectedConnection,
    })
    opened.push(() => ingestServer.close())
    const ingest = await ingestServer.listen(config.ingestAddress)
    const { ledger, file } = await openLedger(config, limits, log, telemetry)
    if (file !== undefined) opened.push(() => file.close())
    const store = new MetricStore({
      ledger,
      clock,
      maxStreams,
      limits,
      journal: file,
    })
    const expire = () => {
      // Fails while the state file cannot be written; the next check retries.
      store.expire().catch(() => undefined)
    }
    expire()
    const expiry = setInterval(expire, EXPIRY_INTERVAL_MS)
    opened.push(() => {
      clearInterval(expiry)
      return Promise.resolve()
    })
    telemetry.connect({
      ledger,
      lastSnapshotEpochMs: () => store.lastSnapshotEpochMs,
      isMediaConnected: () => ingestServer.isConnected(),
      degraded: () => store.degraded(),
      asleep: () => store.asleep(),
      draining: () => store.draining(),
    })
    // Closed first: no frame may reach a closed file. The addresses are closed
    // last, so the next exporter cannot open the file before it is closed.
    opened.push(() => {
      ingestServer.dismiss()
      return Promise.resolve()
    })
    ingestServer.serve(store)
    opening.resolve(store)
    ready = true
    logListening(log, 'ingest', ingest)
    logListening(log, 'web', web)
    return {
      web,
      ingest,
      close: () => {
        ready = false
        return close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function openLedger(
  { stateFile, core, maxStreams }: Config,
  limits: Limits,
  log: Log,
  telemetry: Telemetry,
): Promise<{ ledger: Ledger; file: StateFile | undefined }> {
  if (stateFile === undefined) {
    return { ledger: createLedger(core, maxStreams), file: undefined }
  }
  return StateFile.open({
    path: stateFile,
    core,
    maxStreams,
    limits,
    log: log.with({ part: 'state' }),
    onWriteFailure: telemetry.countWriteFailure,
    now: () => new Date(),
  })
}

/** Creates the prober; undefined if probes are off. */
function createProber(
  { probeUrl, ingestToken }: Config,
  opened: Promise<MetricStore>,
  limits: Limits,
  log: Log,
): Prober | undefined {
  if (probeUrl === undefined) return undefined
  return new Prober({
    url: probeUrl,
    token: ingestToken,
    degradedReason: async id => (await opened).degradedReason(id),
    limits,
    log: log.with({ part: 'probe' }),
  })
}

function logListening(
  log: Log,
  part: string,
  { text, port }: BoundAddress,
): void {
  log.info('listening', { part, address: text, port })
}

async function closeAll(opened: (() => Promise<void>)[]): Promise<void> {
  for (const undo of opened.reverse()) await undo()
}
