import { existsSync, mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * Keeps what V8 compiles, and the types that Node strips, in the user's cache
 * folder: the next start takes about half the time. Only modules that are
 * loaded later profit, so the program itself has to be imported dynamically.
 * Without a folder that can be created, nothing is kept. NODE_COMPILE_CACHE
 * and NODE_DISABLE_COMPILE_CACHE have precedence.
 * (https://nodejs.org/api/module.html#module-compile-cache)
 */
export function useCompileCache(): void {
  try {
    const { XDG_CACHE_HOME: given = '' } = process.env
    // Empty counts as unset (XDG Base Directory Specification).
    const cache = given === '' ? join(homedir(), '.cache') : given
    const folder = join(cache, 'dragonfork', 'compiled')
    createFolder(folder)
    enableCompileCache(folder)
  } catch {
    // The program starts as well without it.
  }
}

/**
 * Creates a folder and its parents. Node's `recursive` is not used: it retries
 * forever where the parent exists and mkdir still fails with ENOENT, as in
 * /proc (and enableCompileCache does the same).
 * @throws {Error} if it does not exist and cannot be created
 */
function createFolder(path: string): void {
  if (existsSync(path)) return
  createFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process may have created it meanwhile.
    if (!existsSync(path)) throw error
  }
}
