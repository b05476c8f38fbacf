import { PROGRESS_OPTIONS } from '../ffmpeg/run.ts'
import type { Command } from '../ffmpeg/run-settings.ts'
import type { InputConfig, ProcessConfig } from './process-config.ts'
import { fillPlaceholders } from './placeholders.ts'

/** What of a configuration FFmpeg is started with, placeholders filled. */
export interface ResolvedConfig {
  readonly options: readonly string[]
  readonly input: readonly ResolvedIo[]
  readonly output: readonly ResolvedIo[]
}

export interface ResolvedIo {
  readonly address: string
  readonly options: readonly string[]
}

/** Fills {processid}, {reference}, {inputid} and {outputid}. */
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
 * Said before the user's options, so that they can say otherwise: `level+`
 * puts `[error]` in front of errors, by which they can be found.
 */
const DEFAULT_OPTIONS = ['-hide_banner', '-loglevel', 'level+info'] as const

/**
 * The command of a process. The arguments are in upstream's order: options,
 * then options and address of each input, then of each output. What the stream
 * adds to an input comes before the user's options, so that they can override
 * it; its outputs come last.
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
