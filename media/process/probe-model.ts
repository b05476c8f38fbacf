import { isJsonObject, type JsonObject } from '../../shared/protocol/fields.ts'

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
export type PacketFacts = Pick<ProbedStream, 'key_frame_seconds' | 'b_frames'>

export const NO_PACKET_FACTS: PacketFacts = {
  key_frame_seconds: null,
  b_frames: null,
}

/** Options of ffprobe for `streamsIn`. */
export const SHOW_STREAMS: readonly string[] = [
  '-show_entries',
  'format=format_name,duration:' +
    'stream=index,codec_name,codec_type,profile,pix_fmt,width,height,' +
    'avg_frame_rate,r_frame_rate,sample_rate,channels,channel_layout,' +
    'bit_rate,duration:' +
    'stream_tags=language:stream_disposition=attached_pic',
  ...['-of', 'json'],
]

/** Options of ffprobe for `packetFacts`. */
export const SHOW_PACKETS: readonly string[] = [
  ...['-show_entries', 'packet=pts_time,flags'],
  ...['-of', 'csv=print_section=0'],
]

/**
 * Reads the output of SHOW_STREAMS, without cover art.
 * @returns nothing if ffprobe has failed, and so written no JSON
 */
export function streamsIn(
  output: readonly string[],
  { url, index }: Pick<ProbedStream, 'url' | 'index'>,
): readonly ProbedStream[] {
  const document = parse(output)
  const streams = document['streams']
  const format = objectAt(document, 'format')
  if (!Array.isArray(streams)) return []
  return streams.filter(isJsonObject).flatMap(stream => {
    const { attached_pic: isCover } = objectAt(stream, 'disposition')
    if (isCover === 1) return []
    return [{ url, index, ...streamOf(stream, format) }]
  })
}

function streamOf(
  stream: JsonObject,
  format: JsonObject,
): Omit<ProbedStream, 'url' | 'index'> {
  const codec = textAt(stream, 'codec_name')
  return {
    format: textAt(format, 'format_name'),
    stream: numberAt(stream, 'index'),
    language: textAt(objectAt(stream, 'tags'), 'language'),
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

/** Reads the output of SHOW_PACKETS: lines such as `0.040000,K__`. */
export function packetFacts(output: readonly string[]): PacketFacts {
  const packets = output.flatMap(line => {
    const [time = '', flags = ''] = line.split(',')
    const seconds = Number.parseFloat(time)
    return Number.isFinite(seconds)
      ? [{ seconds, isKey: flags.startsWith('K') }]
      : []
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
    key_frame_seconds: distances.length === 0 ? null : Math.max(...distances),
    b_frames: isKnown ? isReordered : null,
  }
}

function parse(output: readonly string[]): JsonObject {
  try {
    const document: unknown = JSON.parse(output.join('\n'))
    return isJsonObject(document) ? document : {}
  } catch {
    return {}
  }
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key]
  return isJsonObject(value) ? value : {}
}

function textAt(object: JsonObject, key: string): string {
  const value = object[key]
  return typeof value === 'string' && value !== 'unknown' ? value : ''
}

/** ffprobe writes some numbers as text. */
function numberAt(object: JsonObject, key: string): number {
  const number = Number(object[key] ?? 0)
  return Number.isFinite(number) ? number : 0
}

/** Such as `30000/1001`; `0/0`: unknown. */
function rateAt(object: JsonObject, key: string): number {
  const [over, under] = textAt(object, key).split('/').map(Number)
  const rate = (over ?? 0) / (under ?? 1)
  return Number.isFinite(rate) ? rate : 0
}
