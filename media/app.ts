/**
 * The media process: FFmpeg's RTP in, WHEP and SRTP out.
 *
 * Owns: the parts, and the order in which they start and stop.
 * Gets: the settings. Gives: the HTTP addresses, and metrics to the exporter.
 *
 * RTP goes ingest/ -> stream/ -> whep/; process/ and ffmpeg/ run FFmpeg,
 * engine/ the mediasoup workers, web/ serves HTTP. stream/ and whep/ report to
 * outbox/.
 */
import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  describeBindError,
  formatAddress,
} from '../shared/runtime/bind-error.ts'
import { isBootId, type BootId } from '../shared/protocol/ids.ts'
import type { Log } from '../shared/runtime/log.ts'
import type { Address, SettingsSource } from '../shared/runtime/settings.ts'
import { SETTINGS, type Config } from './config.ts'
import type { SharedPort } from './engine/viewer-server.ts'
import { Engine } from './engine/engine.ts'
import { findWorkerBinary } from './engine/worker-binary.ts'
import { parseWebrtcConfig } from './ingest/webrtc-config.ts'
import { MEDIA_LIMITS } from './limits.ts'
import { overviewSource } from './overview-source.ts'
import { Outbox } from './outbox/outbox.ts'
import type { View } from './outbox/snapshots.ts'
import { readSpooledState } from './outbox/spooled-state.ts'
import type { ConfigRules } from './process/config.ts'
import { readProcessFile } from './process/process-file.ts'
import type { ProcessConfig } from './process/process-config.ts'
import { processListRoutes } from './process/list-routes.ts'
import { Probes } from './process/probes.ts'
import { Processes } from './process/processes.ts'
import { processRoutes } from './process/routes.ts'
import { createRunner } from './process/runners.ts'
import { ProcessStore } from './process/store.ts'
import { AnnouncedAddresses } from './stream/announced-addresses.ts'
import { sharedPort, type Addresses } from './stream/endpoints.ts'
import { Streams } from './stream/streams.ts'
import type { SourceRun } from './web/source-fault.ts'
import { createWeb } from './web/web.ts'
import { overviewRoutes } from './web/overview.ts'
import { systemClock } from '../shared/runtime/clock.ts'
import {
  probeAdmission,
  viewerAdmission,
  type Admission,
} from './whep/admission.ts'
import { Drain } from './whep/drain.ts'
import { Sessions, type SessionsByKind } from './whep/sessions.ts'
import { Slots } from './whep/slots.ts'

export interface AppOptions {
  readonly version: string
  readonly log: Log
  readonly source: SettingsSource
}

export interface App {
  readonly web: Address
  /**
   * Takes no new viewers, for the time of CORE_SHUTDOWN_DRAIN_MS. Resolves
   * earlier once no viewer is left, or when `signal` aborts.
   */
  drain(signal: AbortSignal): Promise<void>
  /** Closes everything in reverse order of opening. Idempotent. */
  close(): Promise<void>
}

/**
 * Checks the programs and files that the settings name, without starting.
 * @throws {EngineError} without a mediasoup worker
 * @throws {SettingsError} if CORE_PROCESS_FILE cannot be used
 */
export function checkApp(
  config: Config,
  { env, readFile }: SettingsSource,
): void {
  findWorkerBinary(env)
  readInitial(config, readFile)
}

/**
 * Starts the media process. On failure, closes what it has opened.
 * @throws {Error} with a message for the user, such as that the address is taken
 */
export async function startApp(
  config: Config,
  { version, log, source }: AppOptions,
): Promise<App> {
  const opened: (() => Promise<void>)[] = []
  let closed: Promise<void> | undefined
  const close = () => (closed ??= closeAll(opened))
  const { env, readFile } = source
  try {
    const binary = findWorkerBinary(env)
    const initial = readInitial(config, readFile)

    const processLog = log.with({ part: 'process' })
    const store = await ProcessStore.open({
      dir: config.dbDir,
      log: processLog,
      now: new Date(),
      pid: process.pid,
    })
    opened.push(() => store.close())

    const outboxLog = log.with({ part: 'outbox' })
    const spoolPath = join(config.dbDir, 'outbox.jsonl')
    const outbox: Outbox = new Outbox({
      core: config.core,
      boot: newBoot(),
      spooled: await readSpooledState(spoolPath, config.core, outboxLog),
      spoolPath,
      url: config.exporterUrl,
      token: config.exporterToken,
      view: () => viewOf(engine, streams, sessions, drain),
      log: outboxLog,
      clock: systemClock,
      random: Math.random,
    })
    const { report } = outbox
    const onChange = () => {
      outbox.changed()
    }
    opened.push(() => outbox.close())

    const announced = await AnnouncedAddresses.start({
      entries: config.announcedAddresses,
      setting: SETTINGS.announcedAddresses.name,
      clock: systemClock,
      log: log.with({ part: 'stream' }),
    })
    opened.push(() => {
      announced.close()
      return Promise.resolve()
    })
    const addresses: Addresses = {
      listen: config.listenAddresses,
      get announced() {
        return announced.current
      },
    }

    const engine = await Engine.start({
      workers: config.workers ?? availableParallelism(),
      binary,
      udpPorts: { min: config.udpMinPort, max: config.udpMaxPort },
      tcpPorts: tcpPortsOf(config),
      sharedPort: sharedPortOf(config, addresses),
      limits: MEDIA_LIMITS,
      log: log.with({ part: 'engine' }),
      onPortsChange: onChange,
    })
    opened.push(() => engine.close())

    const streams = new Streams({
      engine,
      settings: {
        addresses,
        iceConsentTimeoutS: config.iceConsentTimeoutS,
        legTimeoutMs: config.legTimeoutMs,
        legStartTimeoutMs: config.legStartTimeoutMs,
        onDemandTimeoutMs: config.onDemandTimeoutMs,
        limits: MEDIA_LIMITS,
      },
      report,
      log: log.with({ part: 'stream' }),
      onChange,
    })
    opened.push(() => streams.close())

    const caps = {
      total: config.maxPeersTotal,
      perStream: config.maxPeersPerStream,
    }
    const newSessions = (admission: Admission) => {
      const made = new Sessions({
        admission,
        iceTimeoutMs: config.iceTimeoutMs,
        clock: systemClock,
        log: log.with({ part: 'whep' }),
        onChange,
      })
      opened.push(() => made.close())
      return made
    }
    const slots = new Slots(caps)
    const sessions: SessionsByKind = {
      viewer: newSessions(viewerAdmission({ slots, report })),
      probe: newSessions(probeAdmission()),
    }
    const drain = new Drain({
      sessions: sessions.viewer,
      clock: systemClock,
      log: log.with({ part: 'whep' }),
      onChange,
    })
    opened.push(() => {
      drain.close()
      return Promise.resolve()
    })

    const processes = new Processes({
      store,
      rules: rulesOf(config),
      streams,
      createRunner: (processConfig, port) =>
        createRunner(processConfig, port, {
          ffmpegBinary: config.ffmpegBinary,
          searchPath: env['PATH'] ?? '',
          clock: systemClock,
          log: processLog,
          random: Math.random,
        }),
      log: processLog,
      now: Date.now,
    })
    opened.push(() => processes.close())

    const probes = new Probes({
      rules: rulesOf(config),
      ffmpegBinary: config.ffmpegBinary,
      searchPath: env['PATH'] ?? '',
    })
    const web = createWeb({
      config,
      sessions,
      drain,
      streams,
      statuses: () => streams.statuses(),
      statusOf: id => streams.find(id)?.status,
      sourceRun: id => lastRun(processes, id),
      adminRouters: [
        processRoutes({ processes, probes, clock: systemClock }),
        processListRoutes({ processes, clock: systemClock }),
        overviewRoutes({
          source: overviewSource({
            core: { id: config.core, version },
            caps,
            engine,
            outbox,
            streams,
            processes,
          }),
          sessions,
          drain,
          statuses: () => streams.statuses(),
          clock: systemClock,
        }),
      ],
      report,
      clock: systemClock,
      log: log.with({ part: 'web' }),
      version,
    })
    opened.push(() => web.close())
    opened.push(() => {
      engine.beginShutdown()
      // A POST may wait for a stream that starts on demand.
      sessions.viewer.beginShutdown()
      sessions.probe.beginShutdown()
      return Promise.resolve()
    })
    // Listen first, because the address serves as a lock: a second media process
    // with the same settings starts no FFmpeg and does not write db.json.
    const address = await bind(
      config.address,
      SETTINGS.address.name,
      requested => web.listen(requested),
    )
    const { tls } = config
    const tlsAddress =
      tls &&
      (await bind(config.tlsAddress, SETTINGS.tlsAddress.name, requested =>
        web.listenTls(requested, tls),
      ))
    await processes.start(initial)
    outbox.start()
    log.info('listening', {
      part: 'web',
      address: formatAddress(address),
      port: address.port,
    })
    if (tlsAddress !== undefined) {
      log.info('listening', {
        part: 'web-tls',
        address: formatAddress(tlsAddress),
        port: tlsAddress.port,
      })
    }
    return {
      web: address,
      drain: signal => drain.finish(config.shutdownDrainMs, signal),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function viewOf(
  engine: Engine,
  streams: Streams,
  sessions: SessionsByKind,
  { draining }: Drain,
): View {
  const peers = sessions.viewer.countByStream()
  return {
    streams: streams.all.map(stream => {
      const { id, running, asleep, degradedReason: reason } = stream
      return {
        id,
        running,
        peers: peers.get(id) ?? 0,
        ...(asleep && { asleep }),
        degraded: reason !== undefined,
        ...(reason && { degraded_reason: reason }),
      }
    }),
    udpPorts: engine.udpPortCounts(),
    ...(draining && { draining }),
  }
}

/** The last run of a stream's FFmpeg; an external sender has none. */
function lastRun(processes: Processes, id: string): SourceRun | undefined {
  const process = processes.list().find(({ stored }) => stored.id === id)
  if (process === undefined) return undefined
  const { config, runner } = process
  const isExternal =
    config.webrtc.enabled && config.webrtc.ingest === 'external'
  if (isExternal) return undefined
  const { prelude, exited_at } = runner.report()
  const { exec } = runner.status()
  return {
    lines: prelude,
    running: exec === 'running' && exited_at === undefined,
  }
}

function rulesOf({ inputAllow, inputBlock }: Config): ConfigRules {
  return {
    inputAllow,
    inputBlock,
    parseWebrtc: parseWebrtcConfig,
    newId: randomUUID,
  }
}

function readInitial(
  config: Config,
  readFile: SettingsSource['readFile'],
): readonly ProcessConfig[] {
  if (config.processFile === undefined) return []
  return readProcessFile(config.processFile, rulesOf(config), readFile)
}

function tcpPortsOf({ tcpMinPort, tcpMaxPort }: Config) {
  if (tcpMinPort === undefined || tcpMaxPort === undefined) return undefined
  return { min: tcpMinPort, max: tcpMaxPort }
}

function sharedPortOf(
  { muxPort: port, muxTcp: tcp }: Config,
  addresses: Addresses,
): SharedPort | undefined {
  if (port === undefined) return undefined
  return sharedPort(addresses, { port, tcp, setting: SETTINGS.muxPort.name })
}

function newBoot(): BootId {
  const id = randomUUID()
  if (!isBootId(id)) throw new Error('Cannot make a boot id')
  return id
}

/** @throws {Error} that names `setting` and the reason */
async function bind(
  requested: Address,
  setting: string,
  listen: (address: Address) => Promise<Address>,
): Promise<Address> {
  try {
    return await listen(requested)
  } catch (cause) {
    throw new Error(describeBindError(requested, setting, cause), { cause })
  }
}

async function closeAll(opened: (() => Promise<void>)[]): Promise<void> {
  for (const undo of opened.reverse()) await undo()
}
