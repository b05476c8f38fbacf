import { runFfprobe, type FfprobeOptions } from '../ffmpeg/ffprobe.ts'
import { maskOf } from '../ffmpeg/mask.ts'
import { reasonOf } from '../../shared/runtime/errors.ts'
import { resolveConfig, type ResolvedIo } from './command.ts'
import { parseProcessConfig, type ConfigRules } from './config.ts'
import { isJsonObject } from '../../shared/protocol/fields.ts'
import { SHOW, streamsIn, type ProbedStream } from './probe-model.ts'
import type { ProcessConfig } from './process-config.ts'
import { ProcessError } from './process-error.ts'
import { ffprobeOptions } from './probe-options.ts'

/** Upstream's Probe (http/api/probe.go). */
export interface ProbeView {
  readonly streams: readonly ProbedStream[]
  readonly log: readonly string[]
}

export interface ProbesOptions {
  readonly rules: ConfigRules
  /** FFmpeg, by name or path. */
  readonly ffmpegBinary: string
  /** PATH to look it up in. */
  readonly searchPath: string
}

const PROBE_TIMEOUT_MS = 10_000
/** Maximum number of inputs probed at the same time. */
const MAX_PROBES = 4
/** How much of a file is read, which takes less time than to play it. */
const FILE_SECONDS = 20
/** FFmpeg itself reads 5 s of a live input to find its streams. */
const LIVE_SECONDS = 7

/** Looks at inputs with ffprobe: each address once at a time. */
export class Probes {
  readonly #options: ProbesOptions
  readonly #running = new Set<string>()

  constructor(options: ProbesOptions) {
    this.#options = options
  }

  /**
   * Probes an input that need not belong to a process.
   * @param raw `{"address": ..., "options": [...]}`
   * @throws {ProcessError} `bad-config`, `probing`, `too-many-probes`,
   *   `cannot-probe`
   */
  async probeAddress(raw: unknown, signal: AbortSignal): Promise<ProbeView> {
    const input = isJsonObject(raw) ? raw : {}
    // The same checks and messages as for the input of a process.
    const config = parseProcessConfig(
      {
        id: 'probe',
        input: [{ address: input['address'], options: input['options'] }],
        output: [{ address: '-' }],
      },
      this.#options.rules,
    )
    return await this.probeProcess(config, signal)
  }

  /**
   * Probes the inputs of a process.
   * @throws {ProcessError} `probing`, `too-many-probes`, `cannot-probe`
   */
  async probeProcess(
    config: ProcessConfig,
    signal: AbortSignal,
  ): Promise<ProbeView> {
    const inputs = resolveConfig(config).input
    const release = this.#acquire(inputs.map(({ address }) => address))
    try {
      const ends = AbortSignal.any([
        signal,
        AbortSignal.timeout(PROBE_TIMEOUT_MS),
      ])
      const views = await Promise.all(
        inputs.map((input, index) => this.#probe(input, index, ends)),
      )
      return {
        streams: views.flatMap(({ streams }) => streams),
        log: views.flatMap(({ log }) => log),
      }
    } finally {
      release()
    }
  }

  #acquire(addresses: readonly string[]): () => void {
    if (addresses.some(address => this.#running.has(address))) {
      throw new ProcessError('probing', 'A probe of this address is running')
    }
    const distinct = new Set(addresses)
    if (this.#running.size + distinct.size > MAX_PROBES) {
      throw new ProcessError(
        'too-many-probes',
        `At most ${MAX_PROBES} addresses are probed at the same time`,
      )
    }
    for (const address of distinct) this.#running.add(address)
    return () => {
      for (const address of distinct) this.#running.delete(address)
    }
  }

  async #probe(
    { address, options }: ResolvedIo,
    index: number,
    signal: AbortSignal,
  ): Promise<ProbeView> {
    const input = [...ffprobeOptions(options), '-i', address]
    const url = maskOf(input).args.at(-1) ?? ''
    const seconds = isFile(address) ? FILE_SECONDS : LIVE_SECONDS
    const interval = ['-read_intervals', `%+${seconds}`]
    const args = [...SHOW, ...interval, ...input]
    const { output, log } = await this.#run(args, signal)
    const streams = streamsIn(output, { url, index })
    if (!signal.aborted || streams.length > 0) return { streams, log }
    const why =
      `The input did not send ${seconds} s of video or audio ` +
      `within ${PROBE_TIMEOUT_MS / 1000} s`
    return { streams, log: [...log, why] }
  }

  async #run(
    args: FfprobeOptions['args'],
    signal: AbortSignal,
  ): ReturnType<typeof runFfprobe> {
    const { ffmpegBinary, searchPath } = this.#options
    try {
      return await runFfprobe({ ffmpegBinary, searchPath, args, signal })
    } catch (error) {
      if (signal.aborted) return { output: [], log: [] }
      throw new ProcessError('cannot-probe', maskOf(args).text(reasonOf(error)))
    }
  }
}

function isFile(address: string): boolean {
  return !address.includes('://') || address.startsWith('file:')
}
