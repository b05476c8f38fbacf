import type { Log } from '../shared/log.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { IngestServer } from './feed/ingest-server.ts'
import type { Bound } from './listen.ts'
import { createLedger, type Ledger } from './registry/ledger.ts'
import { Registry } from './registry/registry.ts'
import { StateFile } from './registry/state-file.ts'
import { createTelemetry, type Telemetry } from './telemetry.ts'
import { writePage } from './web/page.ts'
import { WebServer } from './web/web-server.ts'

/** How often removed streams are looked for whose time is over. */
const EXPIRY_INTERVAL_MS = 10_000

export interface AppOptions {
  readonly version: string
  readonly clock: Clock
  readonly log: Log
}

export interface App {
  readonly web: Bound
  readonly ingest: Bound
  /** Closes everything, in reverse order of opening; once. */
  close(): Promise<void>
}

/**
 * Starts the exporter. Both addresses are bound before the state file is
 * touched: so a second exporter that is started by mistake ends at the port
 * that is taken, and leaves the file of the first one alone. What comes in
 * meanwhile waits. What was opened before a failure is closed again.
 * @throws {StartError} when an address or the state file cannot be had
 */
export async function startApp(
  config: Config,
  { version, clock, log }: AppOptions,
): Promise<App> {
  const opened: (() => Promise<void>)[] = []
  let closed: Promise<void> | undefined
  const close = () => (closed ??= closeAll(opened))
  let ready = false
  try {
    const { core, maxStreams } = config
    const telemetry = createTelemetry(version)
    const opening = Promise.withResolvers<Registry>()
    const webServer = new WebServer({
      version,
      core,
      page: async format => {
        const { registry: own, setSeries } = telemetry
        const registry = await opening.promise
        return writePage({ registry, own, setSeries }, format)
      },
      observeScrape: telemetry.observeScrape,
      isReady: () => ready,
      basicAuth: config.basicAuth,
      tls: config.tls,
      clock,
      log: log.with({ part: 'web' }),
    })
    opened.push(() => webServer.close())
    const web = await webServer.listen(config.address)
    const ingestServer = new IngestServer({
      core,
      token: config.ingestToken,
      clock,
      log: log.with({ part: 'ingest' }),
      onTurnedAway: telemetry.countTurnedAway,
    })
    opened.push(() => ingestServer.close())
    const ingest = await ingestServer.listen(config.ingestAddress)
    const { ledger, file } = await openLedger(config, log, telemetry)
    if (file !== undefined) opened.push(() => file.close())
    const registry = new Registry({
      ledger,
      clock,
      maxStreams,
      ...(file === undefined ? {} : { journal: file }),
    })
    const expire = () => {
      // It fails only when the state file is closed before it is kept.
      registry.expire().catch(() => undefined)
    }
    expire()
    const expiry = setInterval(expire, EXPIRY_INTERVAL_MS)
    opened.push(() => {
      clearInterval(expiry)
      return Promise.resolve()
    })
    telemetry.connect({
      ledger,
      lastSnapshotEpochMs: () => registry.lastSnapshotEpochMs,
      isMediaConnected: () => ingestServer.isConnected(),
      degraded: () => registry.degraded(),
    })
    // Undone first: nothing may come to a file that is closed, and a file
    // must be closed before its addresses are free for the next exporter.
    opened.push(() => {
      ingestServer.dismiss()
      return Promise.resolve()
    })
    ingestServer.serve(registry)
    opening.resolve(registry)
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
    log: log.with({ part: 'state' }),
    onWriteFailure: telemetry.countWriteFailure,
    now: () => new Date(),
  })
}

function logListening(log: Log, part: string, { text, port }: Bound): void {
  log.info('listening', { part, address: text, port })
}

async function closeAll(opened: (() => Promise<void>)[]): Promise<void> {
  for (const undo of opened.reverse()) await undo()
}
