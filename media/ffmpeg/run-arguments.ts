/** An input of FFmpeg: address and options, placeholders expanded. */
export interface RunInput {
  readonly address: string
  readonly options: readonly string[]
}

/** The inputs of a run of FFmpeg. */
export interface RunInputs {
  readonly inputs: readonly RunInput[]
  /** The process has outputs of its own, which read the same inputs. */
  readonly shared: boolean
}

/** The arguments that a stream adds to a run of FFmpeg. */
export interface RunArguments {
  /** For each input, placed before its own options. */
  readonly inputOptions: readonly (readonly string[])[]
  /** The RTP outputs, placed last. */
  readonly outputs: readonly string[]
}

/** The arguments that are added without a stream. */
export const NO_ARGUMENTS: RunArguments = { inputOptions: [], outputs: [] }
