import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'
import { reasonOf } from '../../shared/runtime/errors.ts'

import { SettingsError } from '../../shared/runtime/settings.ts'
import { parseProcessConfig, type ConfigRules } from './config.ts'
import { isJsonObject } from '../../shared/protocol/fields.ts'
import { mergeJson } from './merge.ts'
import type { ProcessConfig } from './process-config.ts'
import { ProcessError, problemLines } from './process-error.ts'
import { fromStoredConfig } from './stored-config.ts'

const require = createRequire(import.meta.url)

/**
 * Reads the processes of CORE_PROCESS_FILE, in JSON or YAML: one process, a
 * list, `processes:` with a list, or `process:` with a map by id, like db.json.
 * @throws {SettingsError} that names the file and every wrong field
 */
export function readProcessFile(
  path: string,
  rules: ConfigRules,
  readFile: (path: string) => string,
): readonly ProcessConfig[] {
  const document = readDocument(path, readFile)
  const problems: string[] = []
  const problem = (name: string, line: string) => {
    const separator = name === '' ? '' : '.'
    problems.push(`CORE_PROCESS_FILE: ${path}: ${name}${separator}${line}`)
  }
  const seen = new Set<string>()
  const configs = processesIn(document).flatMap(({ name, raw }) => {
    try {
      const config = parseProcessConfig(raw, rules)
      if (seen.has(config.id)) problem(name, 'id: expected a unique id')
      seen.add(config.id)
      return [config]
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error
      for (const line of problemLines(error.problems)) problem(name, line)
      return []
    }
  })
  if (problems.length > 0) throw new SettingsError(problems)
  return configs
}

function readDocument(
  path: string,
  readFile: (path: string) => string,
): unknown {
  // Most starts have no such file, and loading the parser takes 30 ms.
  const { parse } = require('yaml') as typeof Yaml
  try {
    // JSON is YAML, too. The limit stops aliases that expand endlessly.
    return parse(readFile(path), { maxAliasCount: 100 })
  } catch (cause) {
    const message = reasonOf(cause)
    // Without the line it quotes, which may contain an address.
    const [reason = ''] = message.split(/:?\n/)
    throw new SettingsError([`CORE_PROCESS_FILE: ${path}: ${reason}`])
  }
}

interface Named {
  /** Its path in the file. */
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

/** The configuration in a record of db.json; anything else is one already. */
function configIn(raw: Readonly<Record<string, unknown>>): unknown {
  const { config } = raw
  return isJsonObject(config) ? fromStoredConfig(config) : raw
}

function inList(name: string, list: readonly unknown[]): readonly Named[] {
  return list.map((raw, at) => ({ name: `${name}[${at}]`, raw }))
}
