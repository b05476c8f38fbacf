import type { MediaKind } from 'mediasoup/types'

/** A line of FFmpeg's log, taken apart. */
export interface LogLine {
  /** Whether FFmpeg says that something failed. */
  readonly isError: boolean
  /** What speaks, the innermost last: such as `vost#1:0/libx264` or `udp`. */
  readonly contexts: readonly string[]
  readonly text: string
}

/** FFmpeg's log flag `level` names the level behind the contexts. */
const LEVELLED =
  /^((?:\[[^\]]+ @ 0x[0-9a-f]+\] )*)\[(quiet|panic|fatal|error|warning|info|verbose|debug|trace)\] (.*)$/s
const PLAIN = /^((?:\[[^\]]+ @ 0x[0-9a-f]+\] )*)(.*)$/s
const CONTEXT = /\[([^\]]+) @ 0x[0-9a-f]+\]/g
const ERROR_LEVELS: readonly (string | undefined)[] = [
  'panic',
  'fatal',
  'error',
]

/**
 * Takes FFmpeg's lines apart. Where an operator's `-loglevel` leaves out the
 * flag `level`, every line counts as an error but those of the dumps: FFmpeg
 * indents all that it quotes of an input, such as its title.
 */
export function readLog(log: readonly string[]): readonly LogLine[] {
  const isLevelled = log.some(line => LEVELLED.test(line))
  return log.map(line => {
    const [, said = '', level, levelled] = LEVELLED.exec(line) ?? []
    if (levelled !== undefined) {
      const isError = ERROR_LEVELS.includes(level)
      return { isError, contexts: contextsOf(said), text: levelled }
    }
    const [, plain = '', text = ''] = PLAIN.exec(line) ?? []
    // Without a level in a log with levels: the second line of a quotation.
    const isError = !isLevelled && !text.startsWith(' ')
    return { isError, contexts: contextsOf(plain), text }
  })
}

/** An input stream, as FFmpeg dumps it. */
export interface DumpedStream {
  readonly kind: MediaKind
  /** FFmpeg's name of it, such as `aac`. */
  readonly codec: string
}

const INPUT = /^Input #\d+, /
const OUTPUT = /^Output #\d+, /
// By two blanks: metadata are further in.
const STREAM =
  /^ {2}Stream #\d+:\d+(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (Video|Audio): (\w+)(.*)$/s

/**
 * The streams of the inputs; undefined: FFmpeg was not let dump them, or did
 * not come to it. A cover is no video.
 */
export function inputStreams(
  log: readonly LogLine[],
): readonly DumpedStream[] | undefined {
  const streams: DumpedStream[] = []
  let isInput = false
  let isDumped = false
  for (const { text } of log) {
    if (INPUT.test(text)) isInput = isDumped = true
    if (OUTPUT.test(text)) isInput = false
    const [, name, codec, rest] = STREAM.exec(text) ?? []
    if (!isInput || codec === undefined) continue
    if (rest?.includes('(attached pic)')) continue
    streams.push({ kind: name === 'Video' ? 'video' : 'audio', codec })
  }
  return isDumped ? streams : undefined
}

const RTP_OUTPUT = /^Output #(\d+), rtp, to 'rtp:\/\/127\.0\.0\.1:(\d+)\?/
const MAPPED = /^ {2}Stream #\d+:\d+ -> #(\d+):\d+ \(/

/**
 * Which of FFmpeg's outputs is the first of ours, which come behind those of
 * the operator, in the order of `rtpPorts`; undefined: FFmpeg did not say.
 */
export function firstOwnOutput(
  log: readonly LogLine[],
  rtpPorts: readonly number[],
): number | undefined {
  let last: number | undefined
  for (const { text } of log) {
    const [, output, port] = RTP_OUTPUT.exec(text) ?? []
    const at = rtpPorts.indexOf(Number(port))
    if (output !== undefined && at !== -1) return Number(output) - at
    const [, mapped] = MAPPED.exec(text) ?? []
    if (mapped !== undefined) last = Math.max(last ?? 0, Number(mapped))
  }
  return last === undefined ? undefined : last - rtpPorts.length + 1
}

function contextsOf(said: string): readonly string[] {
  return [...said.matchAll(CONTEXT)].map(([, name = '']) => name)
}
