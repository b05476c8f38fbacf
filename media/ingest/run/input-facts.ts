/** What FFmpeg reports about its inputs before it starts to process them. */
export interface InputFacts {
  /** The inputs, in order. */
  readonly inputs: readonly InputFact[]
  /** The video stream that FFmpeg selected, or undefined. */
  readonly video?: VideoFacts
  readonly audio?: AudioFacts
  /**
   * Ids, such as `0:1`, of streams that FFmpeg lists but does not select,
   * because no packet of them arrived while it probed.
   */
  readonly late?: LateStreams
}

export type LateStreams = Readonly<Partial<Record<'video' | 'audio', string>>>

export interface InputFact {
  /** FFmpeg's names of the demuxer, such as `rtsp` or `mov,mp4,m4a`. */
  readonly format: string
  /** Seconds; undefined: endless or unknown. */
  readonly durationS?: number
}

export interface VideoFacts {
  /** Index of its input. */
  readonly input: number
  /** FFmpeg's name of the codec, such as `h264` or `hevc`. */
  readonly codec: string
  /** Such as `High 4:2:2`; undefined: FFmpeg names none. */
  readonly profile?: string
  /** Such as `yuv420p10le`; undefined: FFmpeg does not know it. */
  readonly pixelFormat?: string
  readonly interlaced: boolean
  /** Whether it is a still picture, such as cover art. */
  readonly attachedPicture: boolean
}

export interface AudioFacts {
  /** Index of its input. */
  readonly input: number
  /** FFmpeg's name of the codec, such as `aac` or `opus`. */
  readonly codec: string
}

/** The prefix that `-loglevel level+info` adds. */
const LEVEL = String.raw`^(?:\[info\] )?`
const INPUT = new RegExp(`${LEVEL}Input #(\\d+), (.+?), from '`)
const DURATION = new RegExp(`${LEVEL}  Duration: (\\d+):(\\d+):(\\d+\\.\\d+)`)
const OUTPUT = new RegExp(`${LEVEL}Output #\\d+, `)
const MAPPING = new RegExp(`${LEVEL}Stream mapping:`)
/** `Stream #0:1[0x101](eng): Audio: aac (LC), 48000 Hz, ...`. */
const STREAM = new RegExp(
  `${LEVEL}  Stream #(\\d+:\\d+)(?:\\[0x[0-9a-f]+\\])?(?:\\([^)]*\\))?: (Video|Audio): (.+)$`,
)
/** `Stream #0:1 -> #1:0 (aac (native) -> opus (libopus))`. */
const MAPPED = new RegExp(`${LEVEL}  Stream #(\\d+:\\d+) -> #\\d+:\\d+ `)
const SIZE = /, [1-9]\d*x[1-9]\d*\b/
const NO_CHANNELS = /, 0 channels\b/
/** FFmpeg exits, because it selected no stream for an output. */
const NOTHING_SELECTED = /\bOutput file(?: #\d+)? does not contain any stream/
const FIELD_ORDER = /\b(?:top|bottom) (?:coded )?first\b/

type Stream = (
  | { readonly kind: 'video'; readonly facts: VideoFacts }
  | { readonly kind: 'audio'; readonly facts: AudioFacts }
) & {
  /** Whether FFmpeg knows its picture size or channels. */
  readonly isKnown: boolean
}

/**
 * Reads FFmpeg's log from the start of a run. The wording is the same in
 * FFmpeg 5.1, 6.1 and 7.1.
 */
export class InputFactsReader {
  #part: 'input' | 'mapping' | 'output' | undefined
  readonly #inputs: { format: string; durationS?: number }[] = []
  readonly #streams = new Map<string, Stream>()
  #video: VideoFacts | undefined
  #audio: AudioFacts | undefined
  #late: LateStreams | undefined

  /**
   * Reads a line.
   * @returns whether it changed what is known of the selected streams
   */
  read(line: string): boolean {
    if (NOTHING_SELECTED.test(line)) return this.#readNothingSelected()
    if (this.#enter(line)) return false
    switch (this.#part) {
      case 'input':
        this.#readInput(line)
        return false
      case 'mapping':
        return this.#readMapping(line)
      case 'output':
        return this.#readOutput(line)
      case undefined:
        return false
    }
  }

  /** What is known so far; undefined before FFmpeg has selected streams. */
  get facts(): InputFacts | undefined {
    const video = this.#video
    const audio = this.#audio
    const late = this.#late
    if ((video ?? audio ?? late) === undefined) return undefined
    return {
      inputs: this.#inputs,
      ...(late && { late }),
      ...(video && { video }),
      ...(audio && { audio }),
    }
  }

  /** Whether the line starts a section of the log. */
  #enter(line: string): boolean {
    const format = INPUT.exec(line)?.[2]
    if (format !== undefined) {
      this.#part = 'input'
      this.#inputs.push({ format })
    } else if (MAPPING.test(line)) {
      this.#part = 'mapping'
    } else if (OUTPUT.test(line)) {
      this.#part = 'output'
    } else {
      return false
    }
    return true
  }

  #readInput(line: string): void {
    const duration = DURATION.exec(line)
    const input = this.#inputs.at(-1)
    if (duration && input) {
      const [hours = 0, minutes = 0, seconds = 0] = duration
        .slice(1)
        .map(Number)
      const durationS = (hours * 60 + minutes) * 60 + seconds
      // FLV reports 0 for a live stream.
      if (durationS > 0) input.durationS = durationS
    }
    const stream = STREAM.exec(line)
    if (!stream) return
    const [, id = '', kind, text = ''] = stream
    this.#streams.set(
      id,
      kind === 'Video'
        ? {
            kind: 'video',
            facts: videoFacts(id, text),
            isKnown: SIZE.test(text),
          }
        : {
            kind: 'audio',
            facts: { input: inputOf(id), codec: codecOf(text) },
            isKnown: !NO_CHANNELS.test(text),
          },
    )
  }

  #readMapping(line: string): boolean {
    const id = MAPPED.exec(line)?.[1]
    const stream = id === undefined ? undefined : this.#streams.get(id)
    // The last mapping counts: legs come after the outputs of the process.
    if (stream?.kind === 'video') this.#video = stream.facts
    if (stream?.kind === 'audio') this.#audio = stream.facts
    return stream !== undefined
  }

  #readNothingSelected(): boolean {
    const late: Partial<Record<'video' | 'audio', string>> = {}
    for (const [id, { kind, isKnown }] of this.#streams) {
      if (!isKnown) late[kind] ??= id
    }
    this.#late = late
    return Object.keys(late).length > 0
  }

  /** For some inputs only the first decoded picture shows the field order. */
  #readOutput(line: string): boolean {
    const [, , kind, text = ''] = STREAM.exec(line) ?? []
    if (kind !== 'Video' || !this.#video || this.#video.interlaced) return false
    if (!FIELD_ORDER.test(text)) return false
    this.#video = { ...this.#video, interlaced: true }
    return true
  }
}

function inputOf(id: string): number {
  return Number.parseInt(id, 10)
}

function codecOf(text: string): string {
  return /^\w+/.exec(text)?.[0] ?? ''
}

/** `h264 (High) (avc1 / 0x31637661), yuv420p(tv, top first), 720x576 ...`. */
function videoFacts(id: string, text: string): VideoFacts {
  const [codec = '', pixels = ''] = partsOf(text)
  const profile = /^\w+(?: \(lib[^)]*\))? \(([^)/[]+)\)/.exec(codec)?.[1]
  const pixelFormat = /^\w+/.exec(pixels)?.[0]
  return {
    input: inputOf(id),
    codec: codecOf(codec),
    ...(profile !== undefined && { profile }),
    ...(pixelFormat !== undefined && pixelFormat !== 'none' && { pixelFormat }),
    interlaced: FIELD_ORDER.test(pixels),
    attachedPicture: text.includes('(attached pic)'),
  }
}

/** Splits at commas outside parentheses. */
function partsOf(text: string): readonly string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, at))
      start = at + 2
    }
  }
  return [...parts, text.slice(start)]
}
