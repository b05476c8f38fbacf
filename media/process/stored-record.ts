import type { ProcessConfig } from './process-config.ts'
import type { StoredProcess } from './store.ts'
import { toStoredConfig } from './stored-config.ts'

/** The record of a new process. */
export function newRecord(config: ProcessConfig, nowS: number): StoredProcess {
  return {
    id: config.id,
    reference: config.reference,
    config: toStoredConfig(config, undefined),
    created_at: nowS,
    updated_at: nowS,
    order: config.autostart ? 'start' : 'stop',
  }
}

/** The record of a process that gets another configuration. */
export function changedRecord(
  former: StoredProcess,
  config: ProcessConfig,
  nowS: number,
): StoredProcess {
  return {
    ...former,
    id: config.id,
    reference: config.reference,
    config: toStoredConfig(config, former.config),
    updated_at: nowS,
  }
}
