import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from './errors.ts'

/** Reads a whole file; undefined if there is none. */
export async function readIfExists(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export interface WriteOptions {
  /**
   * Whether the file must survive a crash of the machine; otherwise it only
   * survives the end of the process. Default: true.
   */
  readonly synced?: boolean
}

/**
 * Replaces a file atomically: at any moment there is either the old one or the
 * new one, whole. Writes to one path must not overlap. If it fails, the old
 * file is still in place.
 */
export async function writeAtomically(
  path: string,
  parts: Iterable<string | Uint8Array>,
  options?: WriteOptions,
): Promise<void> {
  await (await replaceFile(path, parts, options)).close()
}

/**
 * Like `writeAtomically`, but returns the handle it wrote with, at the end of
 * the new file: no later write can go to the old one.
 */
export async function replaceFile(
  path: string,
  parts: Iterable<string | Uint8Array>,
  { synced = true }: WriteOptions = {},
): Promise<FileHandle> {
  const draft = `${path}.tmp`
  const file = await open(draft, 'w', 0o600)
  try {
    for (const part of parts) await file.appendFile(part)
    if (synced) await file.sync()
    await rename(draft, path)
  } catch (error) {
    await file.close()
    await rm(draft, { force: true }).catch(() => undefined)
    throw error
  }
  if (synced) await syncFolder(dirname(path))
  return file
}

/**
 * Makes a rename durable. Not every file system supports it, and the new file
 * is in place anyway, so a failure is ignored.
 */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close().catch(() => undefined)
}
