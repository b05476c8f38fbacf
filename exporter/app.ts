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
 * Starts the exporter. What was opened before a failure is closed again.
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
    const telemetry = createTelemetry(version)
    const { ledger, file } = await openLedger(config, log, telemetry)
    if (file !== undefined) opened.push(() => file.close())
    const { core, maxStreams } = config
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
    const ingestServer = new IngestServer({
      sink: registry,
      core,
      token: config.ingestToken,
      clock,
      log: log.with({ part: 'ingest' }),
      onTurnedAway: telemetry.countTurnedAway,
    })
    telemetry.connect({
      ledger,
      lastSnapshotEpochMs: () => registry.lastSnapshotEpochMs,
      isMediaConnected: () => ingestServer.isConnected(),
    })
    const webServer = new WebServer({
      version,
      core,
      page: format =>
        writePage(
          {
            registry,
            own: telemetry.registry,
            setSeries: telemetry.setSeries,
          },
          format,
        ),
      observeScrape: telemetry.observeScrape,
      isReady: () => ready,
      basicAuth: config.basicAuth,
      tls: config.tls,
      clock,
      log: log.with({ part: 'web' }),
    })
    opened.push(() => ingestServer.close())
    const ingest = await ingestServer.listen(config.ingestAddress)
    logListening(log, 'ingest', ingest)
    opened.push(() => webServer.close())
    const web = await webServer.listen(config.address)
    ready = true
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
