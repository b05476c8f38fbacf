import type { MediaKind } from 'mediasoup/types'

/** A parsed line of FFmpeg's log. */
export interface LogLine {
  /** Whether its level is error or worse. */
  readonly isError: boolean
  /** What logged it, innermost last, such as `vost#1:0/libx264` or `udp`. */
  readonly contexts: readonly string[]
  readonly text: string
}

/** FFmpeg's log flag `level` puts the level after the contexts. */
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
 * Parses FFmpeg's log. If the operator's `-loglevel` lacks the flag `level`,
 * every line counts as an error except indented ones: FFmpeg indents whatever
 * it quotes from an input, such as its title.
 */
export function readLog(log: readonly string[]): readonly LogLine[] {
  const isLevelled = log.some(line => LEVELLED.test(line))
  return log.map(line => {
    const [, prefix = '', level, levelled] = LEVELLED.exec(line) ?? []
    if (levelled !== undefined) {
      const isError = ERROR_LEVELS.includes(level)
      return { isError, contexts: contextsOf(prefix), text: levelled }
    }
    const [, plain = '', text = ''] = PLAIN.exec(line) ?? []
    // No level in a log with levels: the second line of a quoted value.
    const isError = !isLevelled && !text.startsWith(' ')
    return { isError, contexts: contextsOf(plain), text }
  })
}

/** A stream of an input, from FFmpeg's dump. */
export interface DumpedStream {
  readonly kind: MediaKind
  /** FFmpeg's name of the codec, such as `aac`. */
  readonly codec: string
}

const INPUT = /^Input #\d+, /
const OUTPUT = /^Output #\d+, /
// Exactly two spaces: metadata is indented further.
const STREAM =
  /^ {2}Stream #\d+:\d+(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (Video|Audio): (\w+)(.*)$/s

/**
 * Returns the streams of the inputs, without cover art; undefined: FFmpeg did
 * not dump them, because of its log level or an earlier failure.
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
 * Returns the index of the first of our outputs, which follow those of the
 * operator in the order of `rtpPorts`; undefined: not in the log.
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

/**
 * Returns the index of the line at which the RTP output to this port started;
 * -1: not in the log.
 */
export function startOfOutput(
  log: readonly LogLine[],
  rtpPort: number,
): number {
  return log.findLastIndex(
    ({ text }) => RTP_OUTPUT.exec(text)?.[2] === `${rtpPort}`,
  )
}

function contextsOf(prefix: string): readonly string[] {
  return [...prefix.matchAll(CONTEXT)].map(([, name = '']) => name)
}
