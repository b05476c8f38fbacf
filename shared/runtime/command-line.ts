/** What a process was asked to do. */
export type Command = 'run' | 'help' | 'version' | 'check-config'

/**
 * Reads the arguments after the script's name; both processes take the same.
 * @throws {RangeError} when one is none of them
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
