import { isDeepStrictEqual } from 'node:util'

import { exported, type ExportedProcess } from './export.ts'
import type { ImportDocument, ImportEntry, InvalidEntry } from './import.ts'
import type { ProcessConfig } from './process-config.ts'
import type { StoredProcess } from './store.ts'
import { changedRecord, newRecord } from './stored-record.ts'

/** The response of POST /api/v3/processes/import: ids by what happens. */
export interface ImportResult {
  readonly create: readonly string[]
  readonly update: readonly string[]
  readonly unchanged: readonly string[]
  /** Empty unless it is a dry run: an import rejects the document. */
  readonly invalid: readonly InvalidEntry[]
  /** By id of `update`: the keys whose values differ. */
  readonly changes: Readonly<Record<string, readonly string[]>>
}

export interface ImportPlan {
  /** The processes to create or update. */
  readonly changed: readonly PlannedProcess[]
  readonly result: ImportResult
}

/** What an import does to one process. */
export interface PlannedProcess {
  readonly at: 'create' | 'update' | 'unchanged'
  readonly stored: StoredProcess
  readonly config: ProcessConfig
  /** Of an update: the keys whose values differ. */
  readonly keys: readonly string[]
}

export interface ImportPlanOptions {
  readonly document: ImportDocument
  /** The process with this id; without a config it cannot be used. */
  readonly find: (id: string) => FoundProcess | undefined
  /** Unix seconds. */
  readonly nowS: number
}

export interface FoundProcess {
  readonly stored: StoredProcess
  readonly config?: ProcessConfig
}

/** Finds out what an import does to each process of a document. */
export function planImport(options: ImportPlanOptions): ImportPlan {
  const { entries, invalid } = options.document
  const planned = entries.map(entry => planEntry(entry, options))
  const plansAt = (at: PlannedProcess['at']) =>
    planned.filter(plan => plan.at === at)
  const idsAt = (at: PlannedProcess['at']) =>
    plansAt(at).map(({ config }) => config.id)
  return {
    changed: planned.filter(({ at }) => at !== 'unchanged'),
    result: {
      create: idsAt('create'),
      update: idsAt('update'),
      unchanged: idsAt('unchanged'),
      invalid,
      changes: Object.fromEntries(
        plansAt('update').map(({ config, keys }) => [config.id, keys]),
      ),
    },
  }
}

function planEntry(
  { config, order }: ImportEntry,
  { find, nowS }: ImportPlanOptions,
): PlannedProcess {
  const former = find(config.id)
  const record =
    former === undefined
      ? newRecord(config, nowS)
      : changedRecord(former.stored, config, nowS)
  const stored = { ...record, order: order ?? record.order }
  if (former === undefined) return { at: 'create', stored, config, keys: [] }
  const next = exported({ config, stored })
  const keys =
    former.config === undefined
      ? Object.keys(next)
      : changedKeys(exported({ ...former, config: former.config }), next)
  const at = keys.length === 0 ? 'unchanged' : 'update'
  return { at, stored, config, keys }
}

function changedKeys(
  before: ExportedProcess,
  after: ExportedProcess,
): readonly string[] {
  const one = new Map<string, unknown>(Object.entries(before))
  const other = new Map<string, unknown>(Object.entries(after))
  return [...new Set([...one.keys(), ...other.keys()])].filter(
    key => !isDeepStrictEqual(one.get(key), other.get(key)),
  )
}
