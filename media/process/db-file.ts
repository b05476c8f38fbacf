import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { reasonOf } from '../../shared/runtime/errors.ts'
import { readIfExists } from '../../shared/runtime/files.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { isJsonObject, type JsonObject } from '../../shared/protocol/fields.ts'

/** CORE_DB_DIR or a file in it cannot be used; the message says why. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}

/** Version of the format, which is upstream's (restream/store/json). */
export const DB_VERSION = 4

/**
 * Creates `dir` if it is missing, and checks that it is writable.
 * @throws {StoreError} that names the folder
 */
export async function proveWritable(dir: string): Promise<void> {
  const probe = join(dir, '.probe')
  try {
    await mkdir(dir, { recursive: true })
    await (await open(probe, 'w')).close()
    await rm(probe)
  } catch (cause) {
    throw new StoreError(
      `Cannot use CORE_DB_DIR: expected a writable folder, ` +
        `got ${dir}: ${reasonOf(cause)}`,
      { cause },
    )
  }
}

/**
 * Reads the database `path`; undefined if there is none. A file that is not a
 * JSON object of the right form is renamed, so that it can be repaired by hand.
 * @throws {StoreError} if it cannot be read or has another version
 */
export async function readDatabase(
  path: string,
  log: Log,
  now: Date,
): Promise<JsonObject | undefined> {
  const bytes = await readIfExists(path).catch((cause: unknown) => {
    throw new StoreError(`Cannot read ${path}: ${reasonOf(cause)}`, { cause })
  })
  if (bytes === undefined) return undefined
  const document = parseDatabase(bytes.toString('utf8'))
  if (document === undefined) {
    const kept = `${path}.corrupt-${now.toISOString().replaceAll(':', '')}`
    await rename(path, kept).catch((cause: unknown) => {
      throw new StoreError(`Cannot rename the corrupt file ${path}`, { cause })
    })
    log.error(
      'the process list is corrupt; file renamed, starting with an empty list',
      {
        path,
        kept,
      },
    )
    return undefined
  }
  const { version } = document
  if (version !== DB_VERSION) {
    throw new StoreError(
      `Cannot use ${path}: expected version ${DB_VERSION}, ` +
        `got ${JSON.stringify(version)}`,
    )
  }
  return document
}

function parseDatabase(text: string): JsonObject | undefined {
  try {
    const document: unknown = JSON.parse(text)
    if (!isJsonObject(document)) return undefined
    // Without a version it is not a file of ours.
    if (typeof document['version'] !== 'number') return undefined
    return isJsonObject(document['process'] ?? {}) ? document : undefined
  } catch {
    return undefined
  }
}
