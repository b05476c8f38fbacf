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
  /** Ours: the delay doubles up to a bound; absent: it is fixed. */
  readonly reconnect_backoff?: {
    /** 0, which an update may say, takes the backoff away. */
    readonly max_seconds: number
    /** Part of the delay, 0 to 1, that is taken at random. */
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
