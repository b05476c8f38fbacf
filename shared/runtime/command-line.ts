/** What to do, by the command line. */
export type Command = 'run' | 'help' | 'version' | 'check-config'

/**
 * Reads the arguments after the script's name, which are the same for both
 * processes.
 * @throws {RangeError} for any other arguments
 */
export function readCommandLine(args: readonly string[]): Command {
  const [first, ...rest] = args
  if (first === undefined) return 'run'
  if (rest.length === 0) {
    if (first === '--help' || first === '-h') return 'help'
    if (first === '--version') return 'version'
    if (first === '--check-config') return 'check-config'
  }
  throw new RangeError(
    `Cannot read arguments ${JSON.stringify(args.join(' '))}: expected ` +
      'none, --help, --version or --check-config',
  )
}
