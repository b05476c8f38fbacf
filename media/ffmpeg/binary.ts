import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

/**
 * The absolute path of the program `name`, which may be a path or a name to
 * look up in `searchPath` (the form of PATH). Children get an empty
 * environment, so they have no PATH of their own.
 * @param hint what to do where there is none
 * @throws {Error} that says where it was looked for
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
