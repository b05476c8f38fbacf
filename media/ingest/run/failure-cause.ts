import type { MediaKind } from 'mediasoup/types'

import {
  firstOwnOutput,
  inputStreams,
  readLog,
  type DumpedStream,
  type LogLine,
} from './ffmpeg-log.ts'
import type { LegPorts } from './ffmpeg-output.ts'
import type { LegFailure } from '../leg-watch.ts'

/** What is known of a leg, to find it in FFmpeg's words. */
export interface SuspectLeg {
  readonly kind: MediaKind
  readonly ports: LegPorts
  /** What the input has is sent as it is. */
  readonly copied?: boolean
}

/** Why each leg failed. */
export interface FailureCauses {
  readonly causes: ReadonlyMap<MediaKind, LegFailure>
  /** In words, where a cause has words of its own. */
  readonly details: ReadonlyMap<MediaKind, string>
}

/**
 * Why FFmpeg ended, as its last lines tell, for each leg, in the order of
 * their outputs. All legs end with the process; the one that was its reason
 * has a cause of its own.
 *
 * Only errors count, by what in FFmpeg speaks and which output it speaks of:
 * inputs have tags and warnings that read like any failure, and FFmpeg 7.1
 * opens its outputs at the same time, so that one that is well speaks, too.
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

/** What is known of the leg that failed, from the words about it. */
interface Clue {
  readonly output?: number | undefined
  readonly kind?: MediaKind | undefined
}

type Kinds<Value> = readonly (readonly [MediaKind, Value])[]

interface Findings {
  readonly causes: Kinds<LegFailure>
  readonly details?: Kinds<string>
}

/** What each version of FFmpeg says, at the start of the text of an error. */
const BIND = 'bind failed: '
const NO_STREAM =
  /^Output file (?:#(\d+) )?does not contain any stream|^Stream map '.*' matches no streams/s
const UNKNOWN_ENCODER = /^Unknown encoder '(.*)'/s
const OPEN_ENCODER = 'Error while opening encoder'
const ENCODE =
  /^(?:Video|Audio) encoding failed|^Error (?:submitting (?:a|video|audio) frame to the encoder|encoding a frame)/
const FILTER = 'Error initializing bitstream filter'
/** FFmpeg 5.1, behind what it says of the reason. */
const STREAM_SETUP = /^Error initializing output stream (\d+):\d+ -- (.*)$/s
const HEADER = /^Could not write header(?: for output file #(\d+))?/
const UNFIT_CODEC =
  /^Codec '(.+)' \(\d+\) is not supported by the bitstream filter/
/** FFmpeg 6.1 and later, behind what it says of the reason. */
const OPEN_OUTPUT = /^Error (?:opening|parsing options for) output /

const OUTPUT_CONTEXT = /^(?:([va])ost|out)#(\d+)/
const KIND_OF_COMPONENT: Readonly<Record<string, MediaKind>> = {
  libx264: 'video',
  libvpx: 'video',
  h264_mp4toannexb: 'video',
  dump_extra: 'video',
  libopus: 'audio',
  opus_metadata: 'audio',
}
/** What browsers play, and `copy` sends. */
const NEEDS = { video: 'h264', audio: 'opus' } as const

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

  /** Of the first error that tells a reason; undefined: none of ours. */
  findings(): Findings | undefined {
    for (const [at, error] of this.#errors.entries()) {
      const found = this.#judge(error, at)
      if (found !== undefined) return found
    }
    return undefined
  }

  #judge(error: LogLine, at: number): Findings | undefined {
    const { text } = error
    if (text.startsWith(BIND))
      return this.#blame('bind', this.#legNamedAfter(at))
    const noStream = NO_STREAM.exec(text)
    if (noStream) return this.#judgeNoStream(error, noStream[1], at)
    const encoder = UNKNOWN_ENCODER.exec(text)?.[1]
    if (encoder !== undefined) {
      const kind = KIND_OF_COMPONENT[encoder]
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

  /** An input that has the kind is not to blame, whatever was not found. */
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
    // FFmpeg 5.1 says only in its next error of which output it speaks.
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
    const needed = NEEDS[kind]
    const unfit = UNFIT_CODEC.exec(this.#errors[at - 1]?.text ?? '')?.[1]
    const codec =
      unfit ?? this.#inputs?.find(stream => stream.kind === kind)?.codec
    const words =
      codec === undefined || codec === needed
        ? `${kind} copy cannot take the input's ${needed}: use ${needed}`
        : `${kind} copy needs ${needed}, the input is ${codec}: use ${needed}`
    return { causes: [[kind, 'codec']], details: [[kind, words]] }
  }

  #clue(error: LogLine, at: number): Clue {
    const clue = clueIn(error)
    if (clue.output !== undefined) return clue
    // FFmpeg 5.1, as it runs.
    const [, named] = /\b(video|audio)\b/i.exec(error.text) ?? []
    const kind = named?.toLowerCase() === 'video' ? 'video' : 'audio'
    return { kind: named === undefined ? this.#kindBefore(at) : kind }
  }

  /** The kind of what spoke just before, such as an encoder. */
  #kindBefore(at: number): MediaKind | undefined {
    const { contexts = [] } = this.#errors[at - 1] ?? {}
    return contexts.map(name => KIND_OF_COMPONENT[name]).find(Boolean)
  }

  /** The leg that the clue points to; undefined: an operator's output. */
  #legOf({ output, kind }: Clue, at: number): SuspectLeg | undefined {
    const named = this.#legNamedAfter(at)
    if (named !== undefined) return named
    if (output !== undefined && this.#firstOutput !== undefined) {
      return this.#legs[output - this.#firstOutput]
    }
    return this.#legs.find(leg => leg.kind === kind)
  }

  /** The leg whose address an error that follows names. */
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

/** What a line says itself of the output that it is about. */
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
