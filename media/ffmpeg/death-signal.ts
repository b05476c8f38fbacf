import { resolveBinary } from './binary.ts'

/** A program by absolute path, and its arguments. */
export interface Command {
  readonly binary: string
  readonly args: readonly string[]
}

/**
 * The command that runs `command` so that the kernel kills it with SIGKILL
 * once this process is gone, even if it is stopped (PR_SET_PDEATHSIG,
 * prctl(2)). util-linux's `setpriv` sets that and then becomes `command`, so
 * the pid is the command's own.
 * @throws {Error} that says where setpriv was looked for
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
