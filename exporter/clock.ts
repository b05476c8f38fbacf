/** What time it is; a parameter everywhere, so that tests can turn it. */
export interface Clock {
  /** Wall-clock time, milliseconds since 1970; may jump. */
  readonly epochMs: () => number
  /** Milliseconds since some moment; never goes back. */
  readonly steadyMs: () => number
}
