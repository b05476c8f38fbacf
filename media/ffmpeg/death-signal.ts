import { resolveBinary } from './binary.ts'

/** A program by absolute path, and its arguments. */
export interface Command {
  readonly binary: string
  readonly args: readonly string[]
}

/**
 * Wraps a command so that the kernel sends it SIGKILL when this process dies,
 * even if it is stopped (PR_SET_PDEATHSIG, prctl(2)). util-linux's `setpriv`
 * sets that and then executes the command, which so has the pid of the child.
 * @throws {Error} if setpriv is not installed
 */
export async function killedWithParent(
  { binary, args }: Command,
  searchPath: string,
): Promise<Command> {
  return {
    binary: await resolveBinary('setpriv', searchPath, 'install util-linux'),
    args: ['--pdeathsig', 'KILL', '--', binary, ...args],
  }
}
