/** One thing wrong with a configuration. */
export interface ConfigProblem {
  /** Path of the field, such as `input[0].address`. */
  readonly field: string
  readonly message: string
}

export type ProcessErrorCode =
  /** The configuration breaks a rule; `problems` names the fields. */
  | 'bad-config'
  | 'unknown-process'
  | 'process-exists'
  /** The limit of processes is reached. */
  | 'too-many'
  /** Too many operations wait for this process already. */
  | 'busy'
  /** The process list is being closed. */
  | 'closed'

/** Why the process list refuses what it was asked. */
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

/** The problems as lines: the field, a colon, what is wrong. */
export function problemLines(
  problems: readonly ConfigProblem[],
): readonly string[] {
  return problems.map(({ field, message }) => `${field}: ${message}`)
}
