import {
  describeProblem,
  Fields,
  isJsonObject,
} from '../../shared/protocol/fields.ts'
import { EXPORT_VERSION } from './export.ts'
import { parseProcessConfig, type ConfigRules } from './config.ts'
import type { ProcessConfig } from './process-config.ts'
import {
  ProcessError,
  problemLines,
  type ConfigProblem,
} from './process-error.ts'
import type { Order } from './store.ts'

/** One valid process of an imported document. */
export interface ImportEntry {
  readonly config: ProcessConfig
  /** undefined: as before, or for a new process as `autostart` says. */
  readonly order: Order | undefined
}

/** One process of an imported document that the API would reject. */
export interface InvalidEntry {
  /** Its place in `processes`. */
  readonly index: number
  readonly id: string | null
  readonly message: string
  /** Paths within the process. */
  readonly fields: readonly ConfigProblem[]
}

export interface ImportDocument {
  readonly entries: readonly ImportEntry[]
  readonly invalid: readonly InvalidEntry[]
}

/**
 * Reads a document of GET /api/v3/processes/export, or one written by hand. Each process is
 * checked as in POST /api/v3/process, but must have an id.
 * @param max maximum number of processes
 * @throws {ProcessError} `bad-config` if it is no such document
 */
export function readImport(
  raw: unknown,
  rules: ConfigRules,
  max: number,
): ImportDocument {
  const seen = new Set<string>()
  const entries: ImportEntry[] = []
  const invalid: InvalidEntry[] = []
  for (const [index, item] of processesIn(raw, max).entries()) {
    try {
      const config = parseProcessConfig(item, rules)
      const order = readOrder(item)
      if (seen.has(config.id)) throw repeatedId(config.id)
      seen.add(config.id)
      entries.push({ config, order })
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error
      invalid.push(invalidEntry(index, item, error.problems))
    }
  }
  return { entries, invalid }
}

/** The error for a document with invalid processes. */
export function importError(invalid: readonly InvalidEntry[]): ProcessError {
  const problems = invalid.flatMap(({ index, fields }) =>
    fields.map(({ field, message }) => ({
      field: `processes[${index}].${field}`,
      message,
    })),
  )
  return badDocument(problems)
}

function processesIn(raw: unknown, max: number): readonly unknown[] {
  const problems: ConfigProblem[] = []
  const fields = Fields.of(raw, '', problem => {
    const field = problem.field || 'document'
    problems.push({ field, message: describeProblem(problem) })
  })
  const processes = fields.raw('processes')
  if (problems.length === 0) {
    fields.whole('version', EXPORT_VERSION, EXPORT_VERSION)
    const isList = Array.isArray(processes) && processes.length <= max
    if (!isList) fields.report('processes', `a list of at most ${max}`)
  }
  if (problems.length === 0 && Array.isArray(processes)) return processes
  throw badDocument(problems)
}

function readOrder(item: unknown): Order | undefined {
  const order = isJsonObject(item) ? item['order'] : undefined
  if (order === undefined || order === null) return undefined
  if (order === 'start' || order === 'stop') return order
  throw badDocument([{ field: 'order', message: 'expected start or stop' }])
}

function repeatedId(id: string): ProcessError {
  const message = `expected a unique id, got ${JSON.stringify(id)} again`
  return badDocument([{ field: 'id', message }])
}

function badDocument(problems: readonly ConfigProblem[]): ProcessError {
  return new ProcessError(
    'bad-config',
    `Cannot import: ${problemLines(problems).join('; ')}`,
    problems,
  )
}

function invalidEntry(
  index: number,
  item: unknown,
  fields: readonly ConfigProblem[],
): InvalidEntry {
  const id = isJsonObject(item) ? item['id'] : undefined
  return {
    index,
    id: typeof id === 'string' ? id : null,
    message: problemLines(fields).join('; '),
    fields,
  }
}
