import type { ProcessConfig } from './process-config.ts'
import { isJsonObject } from '../../shared/protocol/fields.ts'

const MBYTE = 1024 * 1024

/**
 * Converts a configuration to the format of upstream's db.json, which differs
 * from its API in the limits (restream/app/process.go). Unknown fields of
 * `before` are kept.
 */
export function toStoredConfig(
  config: ProcessConfig,
  before: unknown,
): Readonly<Record<string, unknown>> {
  const kept = isJsonObject(before) ? before : {}
  const { limits, webrtc } = config
  const webrtcBefore = kept['webrtc']
  return {
    ...kept,
    id: config.id,
    reference: config.reference,
    ffversion: kept['ffversion'] ?? '',
    input: config.input,
    output: config.output,
    options: config.options,
    reconnect: config.reconnect,
    reconnect_delay_seconds: config.reconnect_delay_seconds,
    // JSON has no undefined, so this also removes a previous value.
    reconnect_backoff: config.reconnect_backoff,
    autostart: config.autostart,
    stale_timeout_seconds: config.stale_timeout_seconds,
    limit_cpu_usage: limits.cpu_usage,
    limit_memory_bytes: limits.memory_mbytes * MBYTE,
    limit_waitfor_seconds: limits.waitfor_seconds,
    webrtc: {
      ...(isJsonObject(webrtcBefore) ? webrtcBefore : {}),
      on_demand: undefined,
      idle_seconds: undefined,
      ...webrtc,
    },
  }
}

/** Converts a stored configuration to the API's format, not yet parsed. */
export function fromStoredConfig(raw: unknown): unknown {
  if (!isJsonObject(raw)) return raw
  const {
    limit_cpu_usage: cpu_usage,
    limit_memory_bytes: bytes,
    limit_waitfor_seconds: waitfor_seconds,
    ...config
  } = raw
  const memory_mbytes =
    typeof bytes === 'number' ? Math.floor(bytes / MBYTE) : bytes
  return { ...config, limits: { cpu_usage, memory_mbytes, waitfor_seconds } }
}
