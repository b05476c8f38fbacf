import { isIP } from 'node:net'
import { FieldError, Fields } from '../../shared/protocol/fields.ts'
import { findBadOption, type EncodedCodec } from './encoder-options.ts'

/** The `webrtc` object of a process: upstream's JSON and the fork's additions. */

/** A leg that our own FFmpeg sends. */
export interface ManagedVideo {
  readonly codec: 'h264' | 'vp8' | 'copy' | 'none'
  readonly bitrate_kbit?: number
  readonly fps?: number
  /** Maximum number of lines; a taller picture is scaled down. */
  readonly height?: number
  /** Time between key frames, seconds; default 1. */
  readonly key_frame_seconds?: number
  /** Output options for FFmpeg, which take precedence over the server's. */
  readonly options?: readonly string[]
}

export interface ManagedAudio {
  readonly codec: 'opus' | 'copy' | 'none'
  readonly bitrate_kbit?: number
  /** Output options for FFmpeg, which take precedence over the server's. */
  readonly options?: readonly string[]
}

/** A leg of an external sender. */
export interface ExternalLeg {
  /** `none`: the stream has no such leg. */
  readonly codec: 'h264' | 'vp8' | 'opus' | 'none'
  /** UDP port that receives RTP. */
  readonly port: number
  /** UDP port that receives RTCP; by default the next one. */
  readonly rtcp_port: number
  /** By default FFmpeg's own: 96 for video, 97 for audio. */
  readonly payload_type: number
}

export interface ManagedWebrtc {
  readonly enabled: true
  readonly ingest: 'managed'
  readonly video: ManagedVideo
  readonly audio: ManagedAudio
  /** FFmpeg runs only while somebody watches. */
  readonly on_demand?: boolean
  /** With `on_demand`: how long FFmpeg runs without viewers. */
  readonly idle_seconds?: number
}

export interface ExternalWebrtc {
  readonly enabled: true
  readonly ingest: 'external'
  /** IP address the legs listen on; by default 127.0.0.1. */
  readonly listen: string
  readonly video: ExternalLeg
  readonly audio: ExternalLeg
}

export type WebrtcConfig =
  { readonly enabled: false } | ManagedWebrtc | ExternalWebrtc

const VIDEO_CODECS = ['h264', 'vp8', 'copy', 'none'] as const
const AUDIO_CODECS = ['opus', 'copy', 'none'] as const
const EXTERNAL_VIDEO_CODECS = ['h264', 'vp8', 'none'] as const
const EXTERNAL_AUDIO_CODECS = ['opus', 'none'] as const

/**
 * Reads the `webrtc` object of a process; absent or null means disabled.
 * Rejects whatever FFmpeg's RTP muxer cannot send, so that every registered
 * stream can be started.
 * @throws {FieldError} for the field that is wrong
 */
export function parseWebrtcConfig(raw: unknown): WebrtcConfig {
  if (raw === undefined || raw === null) return { enabled: false }
  const fields = Fields.of(raw, 'webrtc')
  const isEnabled =
    fields.raw('enabled') !== undefined && fields.flag('enabled')
  if (!isEnabled) return { enabled: false }
  const ingest = fields.oneOf('ingest', ['managed', 'external'], 'managed')
  const config = ingest === 'managed' ? managed(fields) : external(fields)
  if (config.video.codec === 'none' && config.audio.codec === 'none') {
    const codecs = ingest === 'managed' ? 'opus or copy' : 'opus'
    throw new FieldError({
      field: 'webrtc.audio.codec',
      expected: `${codecs} where webrtc.video.codec is none`,
      got: 'none',
    })
  }
  return config
}

function managed(fields: Fields): ManagedWebrtc {
  const video = codecFields(fields, 'video', 'h264')
  const audio = codecFields(fields, 'audio', 'opus')
  const videoCodec = video.oneOf('codec', VIDEO_CODECS, 'h264')
  const audioCodec = audio.oneOf('codec', AUDIO_CODECS, 'opus')
  return {
    enabled: true,
    ingest: 'managed',
    video: {
      codec: videoCodec,
      ...optionalNumber('bitrate_kbit', video, 10, 100_000),
      ...optionalNumber('fps', video, 1, 240),
      ...optionalNumber('height', video, 16, 8_640),
      ...(video.has('key_frame_seconds') && {
        key_frame_seconds: video.number('key_frame_seconds', 0.25, 10),
      }),
      ...encoderOptions(video, 'video', videoCodec),
    },
    audio: {
      codec: audioCodec,
      ...optionalNumber('bitrate_kbit', audio, 6, 510),
      ...encoderOptions(audio, 'audio', audioCodec),
    },
    ...onDemand(fields),
  }
}

/** FFmpeg reads far fewer; this only bounds what is stored. */
const MAX_OPTIONS = 200

function encoderOptions(
  leg: Fields,
  kind: 'video' | 'audio',
  codec: EncodedCodec | 'copy' | 'none',
): { readonly options?: readonly string[] } {
  if (!leg.has('options')) return {}
  const readItem = (items: Fields, index: number) =>
    items.read(index, isArgument, 'text', '')
  const options = leg.list('options', readItem, { max: MAX_OPTIONS })
  if (options.length === 0) return { options }
  if (codec === 'copy' || codec === 'none') {
    leg.report('options', `none, as codec ${codec} encodes nothing`)
    return {}
  }
  const bad = findBadOption(options, kind, codec)
  if (bad !== undefined) {
    leg.report(`options[${bad.index}]`, bad.expected, bad.got)
  }
  return { options }
}

/** FFmpeg's arguments are C strings: a zero byte would cut them short. */
function isArgument(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

const DEFAULT_IDLE_SECONDS = 30
const MAX_IDLE_SECONDS = 86_400

function onDemand(
  fields: Fields,
): Pick<ManagedWebrtc, 'on_demand' | 'idle_seconds'> {
  if (!fields.has('on_demand')) {
    if (!fields.has('idle_seconds')) return {}
    throw new FieldError({
      field: 'webrtc.idle_seconds',
      expected: 'none, as webrtc.on_demand is not true',
    })
  }
  // An update that turns it off need not remove idle_seconds.
  if (!fields.flag('on_demand')) return { on_demand: false }
  const idle_seconds = fields.whole(
    'idle_seconds',
    0,
    MAX_IDLE_SECONDS,
    DEFAULT_IDLE_SECONDS,
  )
  return { on_demand: true, idle_seconds }
}

function external(fields: Fields): ExternalWebrtc {
  if (fields.has('on_demand') && fields.flag('on_demand')) {
    throw new FieldError({
      field: 'webrtc.on_demand',
      expected:
        'false, as webrtc.ingest is external: this server cannot start the ' +
        'sender',
      got: 'true',
    })
  }
  const listen = fields.read(
    'listen',
    isAddress,
    'an IP address',
    '127.0.0.1',
    '127.0.0.1',
  )
  const video = externalLeg(fields, 'video', EXTERNAL_VIDEO_CODECS)
  const audio = externalLeg(fields, 'audio', EXTERNAL_AUDIO_CODECS)
  const ports = [video, audio]
    .filter(leg => leg.codec !== 'none')
    .flatMap(leg => [leg.port, leg.rtcp_port])
  const twice = ports.find((port, index) => ports.indexOf(port) !== index)
  if (twice !== undefined) {
    throw new FieldError({
      field: 'webrtc.video.port',
      expected: 'four different ports for video and audio',
      got: `${twice} twice`,
    })
  }
  return { enabled: true, ingest: 'external', listen, video, audio }
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0
}

/** Payload types of FFmpeg's rtp muxer without -payload_type. */
const FFMPEG_PAYLOAD_TYPES = { video: 96, audio: 97 } as const

function externalLeg(
  fields: Fields,
  kind: keyof typeof FFMPEG_PAYLOAD_TYPES,
  codecs: readonly [ExternalLeg['codec'], ...ExternalLeg['codec'][]],
): ExternalLeg {
  const leg = codecFields(fields, kind, 'none')
  const codec = leg.oneOf('codec', codecs)
  if (codec === 'none') return { codec, port: 0, rtcp_port: 0, payload_type: 0 }
  const port = leg.whole('port', 1, 65_535)
  // RFC 3550 section 11: RTCP is on the next higher port.
  const rtcp_port = leg.whole('rtcp_port', 1, 65_535, port + 1)
  if (rtcp_port > 65_535) {
    throw new FieldError({
      field: `webrtc.${kind}.rtcp_port`,
      expected: 'a whole number from 1 to 65535',
      got: `${rtcp_port}`,
    })
  }
  const ffmpegs = FFMPEG_PAYLOAD_TYPES[kind]
  const payload_type = leg.whole('payload_type', 0, 127, ffmpegs)
  return { codec, port, rtcp_port, payload_type }
}

/** `"opus"` is short for `{"codec": "opus"}`. */
function codecFields(fields: Fields, kind: string, fallback: string): Fields {
  const raw = fields.has(kind) ? fields.raw(kind) : fallback
  return Fields.of(
    typeof raw === 'string' ? { codec: raw } : raw,
    `webrtc.${kind}`,
  )
}

function optionalNumber<Key extends string>(
  key: Key,
  fields: Fields,
  min: number,
  max: number,
): Partial<Record<Key, number>> {
  if (!fields.has(key)) return {}
  return { [key]: fields.whole(key, min, max) } as Record<Key, number>
}
