/** The arguments that a stream adds to a run of FFmpeg. */
export interface RunArguments {
  /** For each input, options to be put before its own. */
  readonly inputOptions: readonly (readonly string[])[]
  /** The RTP outputs, to be put last. */
  readonly outputs: readonly string[]
}

/** The arguments of a process without a stream. */
export const NO_ARGUMENTS: RunArguments = { inputOptions: [], outputs: [] }
