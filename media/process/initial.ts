import { readFile } from 'node:fs/promises'

import { parse } from 'yaml'

import {
  parseProcessConfig,
  type ConfigRules,
  type ProcessConfig,
} from './config.ts'
import { isJsonObject } from './fields.ts'
import { mergeJson } from './merge.ts'
import { ProcessError, problemLines } from './process-error.ts'
import { fromStoredConfig } from './stored-config.ts'

/** All that is wrong with CORE_PROCESS_FILE, a line each. */
export class ProcessFileError extends Error {
  override readonly name = 'ProcessFileError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(`Cannot use CORE_PROCESS_FILE: ${problems.join('; ')}`, options)
    this.problems = problems
  }
}

/**
 * Reads the processes of a file in JSON or YAML: one process, a list of them,
 * `processes:` with a list, or `process:` with a map by id, as db.json has.
 * @throws {ProcessFileError} that names the file and every field
 */
export async function readProcessFile(
  path: string,
  rules: ConfigRules,
): Promise<readonly ProcessConfig[]> {
  const document = await readDocument(path)
  const problems: string[] = []
  const seen = new Set<string>()
  const configs = processesIn(document).flatMap(({ name, raw }) => {
    try {
      const config = parseProcessConfig(raw, rules)
      if (!seen.has(config.id)) {
        seen.add(config.id)
        return [config]
      }
      problems.push(`${path}: ${name}.id: expected an id of its own`)
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error
      for (const line of problemLines(error.problems)) {
        problems.push(`${path}: ${name === '' ? '' : `${name}.`}${line}`)
      }
    }
    return []
  })
  if (problems.length > 0) throw new ProcessFileError(problems)
  return configs
}

async function readDocument(path: string): Promise<unknown> {
  try {
    // JSON is YAML, too. The bound keeps aliases from growing without end.
    return parse(await readFile(path, 'utf8'), { maxAliasCount: 100 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ProcessFileError([`${path}: ${reason}`], { cause })
  }
}

interface Named {
  /** Where it is in the file. */
  readonly name: string
  readonly raw: unknown
}

function processesIn(document: unknown): readonly Named[] {
  if (document === null || document === undefined) return []
  if (Array.isArray(document)) return inList('', document)
  if (!isJsonObject(document)) return [{ name: '', raw: document }]
  const { processes, process } = document
  if (Array.isArray(processes)) return inList('processes', processes)
  if (isJsonObject(process)) {
    return Object.entries(process).map(([id, raw]) => ({
      name: `process.${id}`,
      raw: isJsonObject(raw) ? mergeJson({ id }, configIn(raw)) : raw,
    }))
  }
  return [{ name: '', raw: document }]
}

/** Of a record of db.json, the configuration; else it is one already. */
function configIn(raw: Readonly<Record<string, unknown>>): unknown {
  const { config } = raw
  return isJsonObject(config) ? fromStoredConfig(config) : raw
}

function inList(name: string, list: readonly unknown[]): readonly Named[] {
  return list.map((raw, at) => ({ name: `${name}[${at}]`, raw }))
}
