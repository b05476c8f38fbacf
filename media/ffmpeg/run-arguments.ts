/** What a stream adds to the arguments of a run of FFmpeg. */
export interface RunArguments {
  /** For each input, to come before its own options. */
  readonly inputOptions: readonly (readonly string[])[]
  /** The RTP outputs, to come last. */
  readonly outputs: readonly string[]
}

/** What a process without a stream adds. */
export const NO_ARGUMENTS: RunArguments = { inputOptions: [], outputs: [] }
