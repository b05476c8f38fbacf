import type { WebrtcConfig } from '../ingest/webrtc-config.ts'

/** Kept for upstream's clients; there is no memfs here to clean up. */
export interface CleanupRule {
  readonly pattern: string
  readonly max_files: number
  readonly max_file_age_seconds: number
  readonly purge_on_delete: boolean
}

export interface InputConfig {
  readonly id: string
  readonly address: string
  readonly options: readonly string[]
}

export interface OutputConfig extends InputConfig {
  readonly cleanup: readonly CleanupRule[]
}

/** A process in the JSON of upstream's API (http/api/process.go). */
export interface ProcessConfig {
  readonly id: string
  readonly type: 'ffmpeg'
  readonly reference: string
  readonly input: readonly InputConfig[]
  readonly output: readonly OutputConfig[]
  readonly options: readonly string[]
  readonly reconnect: boolean
  readonly reconnect_delay_seconds: number
  /** Ours: the delay doubles up to a limit; absent: the delay is fixed. */
  readonly reconnect_backoff?: {
    /** 0 in an update removes the backoff. */
    readonly max_seconds: number
    /** The random share of the delay, 0 to 1. */
    readonly jitter: number
  }
  readonly autostart: boolean
  /** 0: never stale. */
  readonly stale_timeout_seconds: number
  /** 0: no limit. */
  readonly limits: {
    /** Percent of one core. */
    readonly cpu_usage: number
    readonly memory_mbytes: number
    readonly waitfor_seconds: number
  }
  readonly webrtc: WebrtcConfig
}
