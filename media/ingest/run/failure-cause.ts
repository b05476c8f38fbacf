import type { MediaKind } from 'mediasoup/types'

import {
  firstOwnOutput,
  inputStreams,
  readLog,
  type DumpedStream,
  type LogLine,
} from './ffmpeg-log.ts'
import type { LegPorts } from './ffmpeg-output.ts'
import { optionFailure } from './option-failure.ts'
import type { LegFailure } from '../leg-watch.ts'

/** What identifies a leg in FFmpeg's log. */
export interface SuspectLeg {
  readonly kind: MediaKind
  readonly ports: LegPorts
  /** Whether FFmpeg copies the stream rather than encoding it. */
  readonly copied?: boolean
  /** Options of the operator for the encoder. */
  readonly options?: readonly string[]
}

/** Why each leg failed. */
export interface FailureCauses {
  readonly causes: ReadonlyMap<MediaKind, LegFailure>
  /** The failure in words, if there is more to say than the cause. */
  readonly details: ReadonlyMap<MediaKind, string>
}

/**
 * Returns why FFmpeg ended, for each leg, from its last log lines. All legs
 * end with the process, with the cause `exit`; the leg that made it end has
 * the real cause.
 *
 * Only errors count, and only for the component and output that they name:
 * tags and warnings of inputs can read like any failure, and FFmpeg 7.1 opens
 * its outputs in parallel, so a healthy one logs lines too.
 * @param legs in the order of their outputs
 */
export function failureCauses(
  log: readonly string[],
  legs: readonly SuspectLeg[],
): FailureCauses {
  const found = new FailedRun(readLog(log), legs).findings()
  const exit = legs.map(({ kind }) => [kind, 'exit'] as const)
  return {
    causes: new Map<MediaKind, LegFailure>([...exit, ...(found?.causes ?? [])]),
    details: new Map(found?.details),
  }
}

/** What an error says about the leg that failed. */
interface Clue {
  readonly output?: number | undefined
  readonly kind?: MediaKind | undefined
}

type Kinds<Value> = readonly (readonly [MediaKind, Value])[]

interface Findings {
  readonly causes: Kinds<LegFailure>
  readonly details?: Kinds<string>
}

/** How errors start, in all supported versions of FFmpeg. */
const BIND = 'bind failed: '
const NO_STREAM =
  /^Output file (?:#(\d+) )?does not contain any stream|^Stream map '.*' matches no streams/s
const UNKNOWN_ENCODER = /^Unknown encoder '(.*)'/s
const OPEN_ENCODER = 'Error while opening encoder'
const ENCODE =
  /^(?:Video|Audio) encoding failed|^Error (?:submitting (?:a|video|audio) frame to the encoder|encoding a frame)/
const FILTER = 'Error initializing bitstream filter'
/** FFmpeg 5.1, after the error with the reason. */
const STREAM_SETUP = /^Error initializing output stream (\d+):\d+ -- (.*)$/s
const HEADER = /^Could not write header(?: for output file #(\d+))?/
const UNFIT_CODEC =
  /^Codec '(.+)' \(\d+\) is not supported by the bitstream filter/
/** FFmpeg 6.1 and later, after the error with the reason. */
const OPEN_OUTPUT = /^Error (?:opening|parsing options for) output /

const OUTPUT_CONTEXT = /^(?:([va])ost|out)#(\d+)/
const KIND_OF_COMPONENT: Readonly<Record<string, MediaKind>> = {
  libx264: 'video',
  libvpx: 'video',
  h264_mp4toannexb: 'video',
  dump_extra: 'video',
  libopus: 'audio',
  opus_metadata: 'audio',
  // Encoders that the operator may choose.
  libopenh264: 'video',
  opus: 'audio',
}

function kindOfComponent(name: string): MediaKind | undefined {
  if (/^(?:h264|vp8)_/.test(name)) return 'video'
  return KIND_OF_COMPONENT[name]
}

/** The codecs that can be copied, because browsers play them. */
const COPYABLE = { video: 'h264', audio: 'opus' } as const

class FailedRun {
  readonly #log: readonly LogLine[]
  readonly #errors: readonly LogLine[]
  readonly #legs: readonly SuspectLeg[]
  readonly #firstOutput: number | undefined
  readonly #inputs: readonly DumpedStream[] | undefined

  constructor(log: readonly LogLine[], legs: readonly SuspectLeg[]) {
    this.#log = log
    this.#errors = log.filter(({ isError }) => isError)
    this.#legs = legs
    const ports = legs.map(leg => leg.ports.rtp)
    this.#firstOutput = firstOwnOutput(this.#log, ports)
    this.#inputs = inputStreams(this.#log)
  }

  /** From the first error with a reason; undefined: none is about our legs. */
  findings(): Findings | undefined {
    for (const [at, error] of this.#errors.entries()) {
      const found = this.#judge(error, at)
      if (found !== undefined) return this.#withWords(found)
    }
    return this.#judgeOptions()
  }

  /** Blames the first leg whose options, or their device, FFmpeg rejects. */
  #judgeOptions(): Findings | undefined {
    for (const { kind, options = [] } of this.#legs) {
      const words = optionFailure(this.#errors, { kind, options })
      if (words === undefined) continue
      return { causes: [[kind, 'encoder']], details: [[kind, words]] }
    }
    return undefined
  }

  /** Says why an encoder with options of the operator failed. */
  #withWords(found: Findings): Findings {
    const [kind, cause] = found.causes[0] ?? []
    if (kind === undefined || cause !== 'encoder') return found
    const { options = [] } = this.#legs.find(leg => leg.kind === kind) ?? {}
    const words = optionFailure(this.#errors, { kind, options })
    return words === undefined ? found : { ...found, details: [[kind, words]] }
  }

  #judge(error: LogLine, at: number): Findings | undefined {
    const { text } = error
    if (text.startsWith(BIND))
      return this.#blame('bind', this.#legNamedAfter(at))
    const noStream = NO_STREAM.exec(text)
    if (noStream) return this.#judgeNoStream(error, noStream[1], at)
    const encoder = UNKNOWN_ENCODER.exec(text)?.[1]
    if (encoder !== undefined) {
      const kind = kindOfComponent(encoder)
      return this.#blame('encoder', this.#legOf({ kind, ...clueIn(error) }, at))
    }
    if (text.startsWith(OPEN_ENCODER) || ENCODE.test(text)) {
      return this.#blame('encoder', this.#legOf(this.#clue(error, at), at))
    }
    if (text.startsWith(FILTER)) return this.#judgeFilter(error, at)
    const [, setUp, why = ''] = STREAM_SETUP.exec(text) ?? []
    const [header, headerOf] = HEADER.exec(text) ?? []
    if (setUp === undefined && header === undefined) return undefined
    const output = numberOf(setUp ?? headerOf) ?? clueIn(error).output
    const kind = this.#kindBefore(at)
    const leg = this.#legOf({ output, kind }, at)
    if (leg?.copied && !why.startsWith(OPEN_ENCODER))
      return this.#blameCodec(leg, at)
    return this.#blame('encoder', leg)
  }

  /** Blames only kinds that no input has, whatever FFmpeg did not find. */
  #judgeNoStream(
    error: LogLine,
    output: string | undefined,
    at: number,
  ): Findings | undefined {
    const inputs = this.#inputs
    if (inputs === undefined) {
      const clue = { output: numberOf(output) ?? clueIn(error).output }
      return this.#blame('no-such-stream', this.#legOf(clue, at))
    }
    const lacking = this.#legs.filter(
      leg => !inputs.some(({ kind }) => kind === leg.kind),
    )
    if (lacking.length === 0) return undefined
    return { causes: lacking.map(({ kind }) => [kind, 'no-such-stream']) }
  }

  #judgeFilter(error: LogLine, at: number): Findings | undefined {
    // FFmpeg 5.1 names the output only in its next error.
    const [, next] = STREAM_SETUP.exec(this.#errors[at + 1]?.text ?? '') ?? []
    const own = clueIn(error)
    const output = numberOf(next) ?? own.output
    const kind = own.kind ?? this.#kindBefore(at)
    const leg = this.#legOf({ output, kind }, at)
    return leg && this.#blameCodec(leg, at)
  }

  #blame(cause: LegFailure, leg: SuspectLeg | undefined): Findings | undefined {
    return leg && { causes: [[leg.kind, cause]] }
  }

  #blameCodec({ kind }: SuspectLeg, at: number): Findings {
    const needed = COPYABLE[kind]
    const unfit = UNFIT_CODEC.exec(this.#errors[at - 1]?.text ?? '')?.[1]
    const codec =
      unfit ?? this.#inputs?.find(stream => stream.kind === kind)?.codec
    const message =
      codec === undefined || codec === needed
        ? `${kind} copy cannot send the input's ${needed}: use ${needed}`
        : `${kind} copy needs ${needed}, the input is ${codec}: use ${needed}`
    return { causes: [[kind, 'codec']], details: [[kind, message]] }
  }

  #clue(error: LogLine, at: number): Clue {
    const clue = clueIn(error)
    if (clue.output !== undefined) return clue
    // FFmpeg 5.1, after the start.
    const [, named] = /\b(video|audio)\b/i.exec(error.text) ?? []
    const kind = named?.toLowerCase() === 'video' ? 'video' : 'audio'
    return { kind: named === undefined ? this.#kindBefore(at) : kind }
  }

  /** The kind of the component that logged the error before. */
  #kindBefore(at: number): MediaKind | undefined {
    const { contexts = [] } = this.#errors[at - 1] ?? {}
    return contexts.map(kindOfComponent).find(Boolean)
  }

  /** The leg that the clue identifies; undefined: an output of the operator. */
  #legOf({ output, kind }: Clue, at: number): SuspectLeg | undefined {
    const named = this.#legNamedAfter(at)
    if (named !== undefined) return named
    if (output !== undefined && this.#firstOutput !== undefined) {
      return this.#legs[output - this.#firstOutput]
    }
    return this.#legs.find(leg => leg.kind === kind)
  }

  /** The leg whose address a later error names. */
  #legNamedAfter(at: number): SuspectLeg | undefined {
    for (const { text } of this.#errors.slice(at + 1)) {
      if (!text.startsWith('rtp://') && !OPEN_OUTPUT.test(text)) continue
      return this.#legs.find(({ ports }) =>
        text.includes(`rtp://127.0.0.1:${ports.rtp}?`),
      )
    }
    return undefined
  }
}

/** Reads a clue from the contexts of a line. */
function clueIn({ contexts }: LogLine): Clue {
  for (const context of contexts) {
    const [, letter, output] = OUTPUT_CONTEXT.exec(context) ?? []
    if (output === undefined) continue
    const kind = letter === 'v' ? 'video' : 'audio'
    return {
      output: Number(output),
      ...(letter !== undefined && { kind }),
    }
  }
  return {}
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}
