import type { ProcessConfig } from './process-config.ts'
import type { Order, StoredProcess } from './store.ts'

export const EXPORT_VERSION = 1

/** The response of GET /api/v3/processes/export. */
export interface ExportDocument {
  readonly version: typeof EXPORT_VERSION
  /** In the order of the list, with the passwords of their addresses. */
  readonly processes: readonly ExportedProcess[]
  /** Ids of stored processes that this version cannot use. */
  readonly omitted: readonly string[]
}

/** A process config, and whether the process should run. */
export type ExportedProcess = ProcessConfig & { readonly order: Order }

export function exported({
  config,
  stored,
}: {
  readonly config: ProcessConfig
  readonly stored: StoredProcess
}): ExportedProcess {
  return { ...config, order: stored.order }
}
