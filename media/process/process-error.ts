/** One thing wrong with a configuration. */
export interface ConfigProblem {
  /** Path of the field, such as `input[0].address`. */
  readonly field: string
  readonly message: string
}

export type ProcessErrorCode =
  /** The configuration is invalid; `problems` names the fields. */
  | 'bad-config'
  | 'unknown-process'
  | 'process-exists'
  /** The maximum number of processes is reached. */
  | 'too-many'
  /** Too many operations are waiting for this process. */
  | 'busy'
  /** A probe of this address is running. */
  | 'probing'
  /** As many probes as are allowed are running. */
  | 'too-many-probes'
  /** ffprobe cannot be started. */
  | 'cannot-probe'
  /** The process list is being closed. */
  | 'closed'

/** Why an operation on the process list was rejected. */
export class ProcessError extends Error {
  override readonly name = 'ProcessError'
  readonly code: ProcessErrorCode
  readonly problems: readonly ConfigProblem[]

  constructor(
    code: ProcessErrorCode,
    message: string,
    problems: readonly ConfigProblem[] = [],
  ) {
    super(message)
    this.code = code
    this.problems = problems
  }
}

/** The problems as lines, `field: message`. */
export function problemLines(
  problems: readonly ConfigProblem[],
): readonly string[] {
  return problems.map(({ field, message }) => `${field}: ${message}`)
}
