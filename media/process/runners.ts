import type { Log } from '../../shared/runtime/log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { ReconnectPolicy } from '../ffmpeg/reconnect.ts'
import { Supervisor } from '../ffmpeg/supervisor.ts'
import { commandOf } from './command.ts'
import type { ProcessConfig } from './process-config.ts'
import { ExternalRunner } from './external-runner.ts'
import { OnDemandRunner } from './on-demand-runner.ts'
import type { Runner } from './runner.ts'
import { staleLimits } from './stale-timeout.ts'
import type { StreamPort } from './stream-port.ts'

/** What all runners share. */
export interface RunnerOptions {
  /** FFmpeg, by name or path. */
  readonly ffmpegBinary: string
  /** PATH to look it up in. */
  readonly searchPath: string
  readonly clock: Clock
  readonly log: Log
  /** 0 up to but not 1. */
  readonly random: () => number
}

/** The same values as in upstream Core. */
const SAMPLE_MS = 1_000
const KILL_TIMEOUT_MS = 5_000

const MBYTE = 1024 * 1024

/**
 * Creates the runner of a process.
 * @param port the stream that it feeds, if any
 */
export function createRunner(
  config: ProcessConfig,
  port: StreamPort | undefined,
  options: RunnerOptions,
): Runner {
  const { id, webrtc, limits } = config
  const { clock, log, random } = options
  const reconnect = reconnectPolicy(config)
  if (webrtc.enabled && webrtc.ingest === 'external' && port !== undefined) {
    const ownLog = log.with({ process: id })
    return new ExternalRunner({ port, reconnect, clock, log: ownLog, random })
  }
  const supervisor = new Supervisor(
    {
      id,
      binary: options.ffmpegBinary,
      searchPath: options.searchPath,
      command: commandOf(config),
      reconnect,
      limits: {
        ...staleLimits(config),
        usage: {
          cpuPercent: limits.cpu_usage,
          memoryBytes: limits.memory_mbytes * MBYTE,
          waitForMs: limits.waitfor_seconds * 1000,
        },
        sampleMs: SAMPLE_MS,
        killTimeoutMs: KILL_TIMEOUT_MS,
      },
    },
    { clock, log, random, port },
  )
  const isOnDemand =
    webrtc.enabled && webrtc.ingest === 'managed' && webrtc.on_demand
  return isOnDemand && port !== undefined
    ? new OnDemandRunner({ supervisor, port })
    : supervisor
}

function reconnectPolicy(config: ProcessConfig): ReconnectPolicy {
  const backoff = config.reconnect_backoff
  return {
    enabled: config.reconnect,
    delayMs: config.reconnect_delay_seconds * 1000,
    ...(backoff && {
      backoff: { maxMs: backoff.max_seconds * 1000, jitter: backoff.jitter },
    }),
  }
}
