/** What GET /api/v3/webrtc/overview shows of each part of the process. */
import { unixSeconds } from '../shared/runtime/clock.ts'
import type { Engine } from './engine/engine.ts'
import type { Outbox } from './outbox/outbox.ts'
import { viewState } from './process/api-model.ts'
import type { Process, Processes } from './process/processes.ts'
import type { StreamStatus } from './stream/status.ts'
import type { Streams } from './stream/streams.ts'
import type { Box, Job, OverviewSource, StreamFacts } from './web/overview.ts'

interface Parts extends Pick<OverviewSource, 'core' | 'caps'> {
  readonly engine: Engine
  readonly outbox: Outbox
  readonly streams: Streams
  readonly processes: Processes
}

export function overviewSource(parts: Parts): OverviewSource {
  const { core, caps, engine, outbox, streams, processes } = parts
  return {
    core,
    caps,
    box: () => boxOf(engine, outbox),
    facts: statuses => factsOf(statuses, streams, processes),
  }
}

function boxOf(engine: Engine, outbox: Outbox): Box {
  const { inUse, available } = engine.udpPortCounts()
  const { connected, sinceMs } = outbox.link
  return {
    ports: { in_use: inUse, total: inUse + available },
    workers: engine.workerStates(),
    exporter: { connected, since: sinceSeconds(sinceMs) },
  }
}

function factsOf(
  statuses: readonly StreamStatus[],
  streams: Streams,
  processes: Processes,
): ReadonlyMap<string, StreamFacts> {
  const jobs = new Map(
    processes.list().map(process => [process.stored.id, process]),
  )
  return new Map(
    statuses.map(({ id }) => {
      const process = jobs.get(id)
      const hasOwnSender = process !== undefined && isExternal(process)
      return [
        id,
        {
          type: hasOwnSender ? 'external' : 'process',
          since: sinceSeconds(streams.changedAtMs(id)),
          process: process && !hasOwnSender ? jobOf(process) : null,
        },
      ]
    }),
  )
}

function jobOf(process: Process): Job {
  const state = viewState(process)
  const { order, exec, runtime_seconds, progress } = state
  const runs = exec === 'running'
  return {
    order,
    exec,
    runtime_seconds,
    speed: runs ? progress.speed : null,
    cpu_percent: runs ? state.cpu_usage : null,
    memory_bytes: runs ? state.memory_bytes : null,
  }
}

function sinceSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : unixSeconds(ms)
}

function isExternal({ config: { webrtc } }: Process): boolean {
  return webrtc.enabled && webrtc.ingest === 'external'
}
