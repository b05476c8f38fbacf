import type { Progress } from '../ffmpeg/progress.ts'
import type { ProcessReport } from '../ffmpeg/run-log.ts'
import type { ProcessConfig } from './process-config.ts'
import type { Process } from './processes.ts'
import type { Order } from './store.ts'

/** The parts of a process that a client can request. */
export const VIEW_PARTS = ['config', 'state', 'report', 'metadata'] as const

export type ViewPart = (typeof VIEW_PARTS)[number]

/** Upstream's ProcessState (http/api/process.go). */
export interface StateView {
  readonly order: Order
  readonly exec: string
  readonly runtime_seconds: number
  /** -1: no start is scheduled. */
  readonly reconnect_seconds: number
  readonly last_logline: string
  readonly progress: ProgressView
  readonly memory_bytes: number
  /** Percent of one core. */
  readonly cpu_usage: number
  readonly command: readonly string[]
}

/** Upstream's Progress (http/api/progress.go). */
export interface ProgressView {
  /** Only datarhei's patched FFmpeg reports these two. */
  readonly inputs: readonly never[]
  readonly outputs: readonly never[]
  readonly frame: number
  readonly packet: number
  readonly fps: number
  readonly q: number
  readonly size_kb: number
  /** Seconds of media. */
  readonly time: number
  readonly bitrate_kbit: number
  readonly speed: number
  readonly drop: number
  readonly dup: number
}

/** Upstream's Process. */
export interface ProcessView {
  readonly id: string
  readonly type: 'ffmpeg'
  readonly reference: string
  /** Unix seconds, like the next. */
  readonly created_at: number
  readonly updated_at: number
  readonly config?: ProcessConfig
  readonly state?: StateView
  readonly report?: ProcessReport
  readonly metadata?: unknown
}

export function viewProcess(
  process: Process,
  parts: ReadonlySet<ViewPart>,
): ProcessView {
  const { stored, config, runner, metadata } = process
  return {
    id: stored.id,
    type: 'ffmpeg',
    reference: stored.reference,
    created_at: stored.created_at,
    updated_at: stored.updated_at,
    ...(parts.has('config') && { config }),
    ...(parts.has('state') && { state: viewState(process) }),
    ...(parts.has('report') && { report: runner.report() }),
    ...(parts.has('metadata') && metadata !== undefined && { metadata }),
  }
}

export function viewState({ stored, runner }: Process): StateView {
  const status = runner.status()
  return {
    order: stored.order,
    exec: status.exec,
    runtime_seconds: Math.floor(status.runtimeS),
    reconnect_seconds:
      status.reconnectS === undefined ? -1 : Math.ceil(status.reconnectS),
    last_logline: status.lastLine,
    progress: viewProgress(status.progress),
    memory_bytes: status.usage.memoryBytes,
    cpu_usage: round(status.usage.cpuPercent),
    command: status.command,
  }
}

function viewProgress(progress: Progress): ProgressView {
  const { frame, fps, q, sizeBytes, timeS, speed, drop, dup } = progress
  return {
    inputs: [],
    outputs: [],
    frame,
    // Only datarhei's patched FFmpeg counts packets.
    packet: 0,
    fps,
    q,
    size_kb: Math.floor(sizeBytes / 1024),
    time: round(timeS),
    bitrate_kbit: progress.bitrateKbit,
    speed,
    drop,
    dup,
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
