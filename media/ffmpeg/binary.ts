import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

/**
 * Resolves a program to its absolute path. Children get an empty environment,
 * so they have no PATH of their own.
 * @param name a path, or a name to look up in `searchPath`
 * @param searchPath in the form of PATH
 * @param hint for the error message: what to do if there is no such program
 * @throws {Error} that names the places searched
 */
export async function resolveBinary(
  name: string,
  searchPath: string,
  hint = 'install it, or name it in CORE_FFMPEG_BINARY',
): Promise<string> {
  const candidates = name.includes('/')
    ? [resolve(name)]
    : searchPath
        .split(delimiter)
        .filter(isAbsolute)
        .map(folder => join(folder, name))
  for (const candidate of candidates) {
    if (await isExecutableFile(candidate)) return candidate
  }
  throw new Error(
    name.includes('/')
      ? `Cannot start FFmpeg: ${name} is not an executable file`
      : `Cannot start FFmpeg: no executable ${name} in PATH; ${hint}`,
  )
}

async function isExecutableFile(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
