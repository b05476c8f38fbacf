/** Upstream's ProbeIO (http/api/probe.go), and what copying depends on. */
export interface ProbedStream {
  /** Address, secrets masked. */
  readonly url: string
  /** Demuxer, such as `rtsp`. */
  readonly format: string
  /** Of the input, from 0. */
  readonly index: number
  /** Of the stream in its input, from 0. */
  readonly stream: number
  readonly language: string
  readonly type: string
  readonly codec: string
  readonly coder: string
  /** 0: unknown, like the other numbers. */
  readonly bitrate_kbps: number
  readonly duration_sec: number
  readonly fps: number
  readonly pix_fmt: string
  readonly width: number
  readonly height: number
  readonly sampling_hz: number
  readonly layout: string
  readonly channels: number
  readonly profile: string | null
  /** The longest time between two key frames that were seen. */
  readonly key_frame_seconds: number | null
  readonly b_frames: boolean | null
}

/** What the packets of a video stream show. */
type PacketFacts = Pick<ProbedStream, 'key_frame_seconds' | 'b_frames'>

const NO_PACKET_FACTS: PacketFacts = {
  key_frame_seconds: null,
  b_frames: null,
}

/** Options of ffprobe for `streamsIn`: packets, then streams, in one pass. */
export const SHOW: readonly string[] = [
  '-show_entries',
  'packet=stream_index,pts_time,flags:' +
    'format=format_name,duration:' +
    'stream=index,codec_name,codec_type,profile,pix_fmt,width,height,' +
    'avg_frame_rate,r_frame_rate,sample_rate,channels,channel_layout,' +
    'bit_rate,duration:' +
    'stream_tags=language:stream_disposition=attached_pic',
  ...['-of', 'compact'],
]

/** A line of ffprobe, such as `packet|stream_index=0|flags=K_`. */
interface Line {
  readonly section: string
  readonly fields: Fields
}

type Fields = ReadonlyMap<string, string>

/**
 * Reads the output of SHOW, without cover art.
 * @returns nothing if ffprobe has failed
 */
export function streamsIn(
  output: readonly string[],
  { url, index }: Pick<ProbedStream, 'url' | 'index'>,
): readonly ProbedStream[] {
  const lines = output.map(readLine)
  const format = lines.find(({ section }) => section === 'format')
  // A program repeats its streams before the list of all.
  const streams = new Map(
    lines
      .filter(({ section }) => section === 'stream')
      .map(({ fields }) => [fields.get('index'), fields]),
  )
  return [...streams.values()].toSorted(byIndex).flatMap(fields => {
    if (fields.get('disposition:attached_pic') === '1') return []
    const stream = streamOf(fields, format?.fields ?? new Map())
    if (stream.type !== 'video') return [{ url, index, ...stream }]
    const packets = lines.filter(
      line =>
        line.section === 'packet' &&
        line.fields.get('stream_index') === fields.get('index'),
    )
    return [{ url, index, ...stream, ...packetFacts(packets) }]
  })
}

function byIndex(one: Fields, other: Fields): number {
  return numberAt(one, 'index') - numberAt(other, 'index')
}

function streamOf(
  stream: Fields,
  format: Fields,
): Omit<ProbedStream, 'url' | 'index'> {
  const codec = textAt(stream, 'codec_name')
  return {
    format: textAt(format, 'format_name'),
    stream: numberAt(stream, 'index'),
    language: textAt(stream, 'tag:language'),
    type: textAt(stream, 'codec_type'),
    codec,
    coder: codec,
    bitrate_kbps: numberAt(stream, 'bit_rate') / 1000,
    duration_sec: numberAt(stream, 'duration') || numberAt(format, 'duration'),
    fps: rateAt(stream, 'avg_frame_rate') || rateAt(stream, 'r_frame_rate'),
    pix_fmt: textAt(stream, 'pix_fmt'),
    width: numberAt(stream, 'width'),
    height: numberAt(stream, 'height'),
    sampling_hz: numberAt(stream, 'sample_rate'),
    layout: textAt(stream, 'channel_layout'),
    channels: numberAt(stream, 'channels'),
    profile: textAt(stream, 'profile') || null,
    ...NO_PACKET_FACTS,
  }
}

/** Fewer packets do not show that there are no B-frames. */
const MIN_PACKETS = 10

function packetFacts(lines: readonly Line[]): PacketFacts {
  const packets = lines.flatMap(({ fields }) => {
    const seconds = Number.parseFloat(fields.get('pts_time') ?? '')
    const isKey = fields.get('flags')?.startsWith('K') === true
    return Number.isFinite(seconds) ? [{ seconds, isKey }] : []
  })
  const keys = packets.filter(({ isKey }) => isKey)
  const distances = keys
    .slice(1)
    .map(({ seconds }, at) => seconds - (keys[at]?.seconds ?? seconds))
  // Packets come in the order of decoding.
  const isReordered = packets.some(
    ({ seconds }, at) => seconds < (packets[at - 1]?.seconds ?? seconds),
  )
  const isKnown = isReordered || packets.length >= MIN_PACKETS
  return {
    key_frame_seconds:
      distances.length === 0 ? null : round(Math.max(...distances)),
    b_frames: isKnown ? isReordered : null,
  }
}

/** The free text among the values is escaped: `\\|` is no separator. */
function readLine(line: string): Line {
  const [section = '', ...rest] = line.split(/(?<!\\)\|/)
  const fields = rest.map(field => {
    const at = field.indexOf('=')
    return [field.slice(0, at), field.slice(at + 1)] as const
  })
  return { section, fields: new Map(fields) }
}

function textAt(fields: Fields, key: string): string {
  const value = fields.get(key) ?? ''
  return value === 'unknown' || value === 'N/A' ? '' : value
}

/** 0 for `N/A`. */
function numberAt(fields: Fields, key: string): number {
  const number = Number(textAt(fields, key))
  return Number.isFinite(number) ? number : 0
}

/** Such as `30000/1001`; `0/0`: unknown. */
function rateAt(fields: Fields, key: string): number {
  const [over, under] = textAt(fields, key).split('/').map(Number)
  const rate = (over ?? 0) / (under ?? 1)
  return Number.isFinite(rate) ? rate : 0
}

/** To milliseconds. */
function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
