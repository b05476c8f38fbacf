import { PROGRESS_OPTIONS } from '../ffmpeg/run.ts'
import type { Command } from '../ffmpeg/run-settings.ts'
import type { InputConfig, ProcessConfig } from './process-config.ts'
import { fillPlaceholders } from './placeholders.ts'

/** The parts of a configuration that FFmpeg gets, placeholders filled. */
export interface ResolvedConfig {
  readonly options: readonly string[]
  readonly input: readonly ResolvedIo[]
  readonly output: readonly ResolvedIo[]
}

export interface ResolvedIo {
  readonly address: string
  readonly options: readonly string[]
}

/** Fills in {processid}, {reference}, {inputid} and {outputid}. */
export function resolveConfig(config: ProcessConfig): ResolvedConfig {
  const common = { processid: config.id, reference: config.reference }
  const resolveIo = (
    { address, options }: InputConfig,
    values: Readonly<Record<string, string>>,
  ) => ({
    address: fillPlaceholders(address, values),
    options: options.map(text => fillPlaceholders(text, values)),
  })
  return {
    options: config.options.map(text => fillPlaceholders(text, common)),
    input: config.input.map(io => resolveIo(io, { ...common, inputid: io.id })),
    output: config.output.map(io =>
      resolveIo(io, { ...common, outputid: io.id }),
    ),
  }
}

/**
 * Come before the user's options, which can override them. `level+` prefixes
 * errors with `[error]`, by which we find them.
 */
const DEFAULT_OPTIONS = ['-hide_banner', '-loglevel', 'level+info'] as const

/**
 * Returns the command of a process. The arguments are in upstream's order:
 * options, then the options and address of each input, then of each output.
 * Options that the stream adds to an input come before the user's, which can
 * override them; its outputs come last.
 */
export function commandOf(config: ProcessConfig): Command {
  const { options, input, output } = resolveConfig(config)
  return {
    inputs: { inputs: input, shared: output.length > 0 },
    args: ({ inputOptions, outputs }) => [
      ...DEFAULT_OPTIONS,
      ...options,
      ...PROGRESS_OPTIONS,
      ...input.flatMap((io, index) => [
        ...(inputOptions[index] ?? []),
        ...io.options,
        ...['-i', io.address],
      ]),
      ...output.flatMap(io => [...io.options, io.address]),
      ...outputs,
    ],
  }
}
