import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { reasonOf } from '../../shared/runtime/errors.ts'
import { readIfExists } from '../../shared/runtime/files.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { isJsonObject, type JsonObject } from '../../shared/protocol/fields.ts'

/** A file or its folder cannot be used; the message is for the operator. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}

/** The version of upstream's format, which this is (restream/store/json). */
export const DB_VERSION = 4

/**
 * Makes `dir` where it is missing, and tries to write into it.
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
      `Cannot use CORE_DB_DIR: expected a folder that can be written, ` +
        `got ${dir}: ${reasonOf(cause)}`,
      { cause },
    )
  }
}

/**
 * Reads the database `path`; undefined: there is none. One that is no JSON
 * object of the right form is renamed, so that it can be mended by hand.
 * @throws {StoreError} when it cannot be read or is of another version
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
      throw new StoreError(`Cannot keep the corrupt ${path} aside`, { cause })
    })
    log.error('the process list is corrupt, kept aside; starting without', {
      path,
      kept,
    })
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
    // Without a version it is not ours to judge, and not ours to overwrite.
    if (typeof document['version'] !== 'number') return undefined
    return isJsonObject(document['process'] ?? {}) ? document : undefined
  } catch {
    return undefined
  }
}
