import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import type { Log } from '../../shared/runtime/log.ts'
import { isJsonObject } from '../../shared/protocol/fields.ts'

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
        `got ${dir}: ${messageOf(cause)}`,
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
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await readText(path)
  if (text === undefined) return undefined
  const document = parseDatabase(text)
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

/**
 * Writes a file so that after a crash at any moment there is either the old
 * one or the new one. Writes to one path must not overlap.
 */
export async function writeAtomically(
  path: string,
  text: string,
): Promise<void> {
  const temporary = `${path}.tmp`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  // The rename itself is in the folder.
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw new StoreError(`Cannot read ${path}: ${messageOf(cause)}`, { cause })
  }
}

function parseDatabase(text: string) {
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

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
