import { isIP } from 'node:net'

/** The `webrtc` object of a process: upstream's JSON and the fork's additions. */

/** A leg that our own FFmpeg sends. */
export interface ManagedVideo {
  readonly codec: 'h264' | 'vp8' | 'copy' | 'none'
  readonly bitrate_kbit?: number
  readonly fps?: number
}

export interface ManagedAudio {
  readonly codec: 'opus' | 'copy' | 'none'
  readonly bitrate_kbit?: number
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

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads the `webrtc` object of a process; absent or null is disabled. What
 * FFmpeg's RTP muxer cannot do is refused here, so that a stream that is
 * registered can be started.
 * @throws {RangeError} naming the field, with what was expected
 */
export function parseWebrtcConfig(raw: unknown): WebrtcConfig {
  if (raw === undefined || raw === null) return { enabled: false }
  const fields = asFields('webrtc', raw)
  if (!readEnabled(fields['enabled'])) return { enabled: false }
  const ingest = oneOf(
    'webrtc.ingest',
    ['managed', 'external'],
    fields['ingest'] ?? 'managed',
  )
  const config = ingest === 'managed' ? managed(fields) : external(fields)
  if (config.video.codec === 'none' && config.audio.codec === 'none') {
    const codecs = ingest === 'managed' ? 'opus or copy' : 'opus'
    throw new RangeError(
      `webrtc.audio.codec: expected ${codecs} where webrtc.video.codec is ` +
        'none, got none',
    )
  }
  return config
}

function readEnabled(raw: unknown): boolean {
  if (raw === undefined) return false
  if (typeof raw === 'boolean') return raw
  throw new RangeError(
    `webrtc.enabled: expected true or false, got ${show(raw)}`,
  )
}

function managed(fields: Fields): ManagedWebrtc {
  const video = codecFields('webrtc.video', fields['video'] ?? {})
  const audio = codecFields('webrtc.audio', fields['audio'] ?? {})
  return {
    enabled: true,
    ingest: 'managed',
    video: {
      codec: oneOf(
        'webrtc.video.codec',
        VIDEO_CODECS,
        video['codec'] ?? 'h264',
      ),
      ...optionalNumber('webrtc.video.', 'bitrate_kbit', video, 10, 100_000),
      ...optionalNumber('webrtc.video.', 'fps', video, 1, 240),
    },
    audio: {
      codec: oneOf(
        'webrtc.audio.codec',
        AUDIO_CODECS,
        audio['codec'] ?? 'opus',
      ),
      ...optionalNumber('webrtc.audio.', 'bitrate_kbit', audio, 6, 510),
    },
  }
}

function external(fields: Fields): ExternalWebrtc {
  const listen = fields['listen'] ?? '127.0.0.1'
  if (typeof listen !== 'string' || isIP(listen) === 0) {
    throw new RangeError(
      `webrtc.listen: expected an IP address, got ${show(listen)}`,
    )
  }
  const video = externalLeg(
    'webrtc.video',
    EXTERNAL_VIDEO_CODECS,
    fields['video'],
  )
  const audio = externalLeg(
    'webrtc.audio',
    EXTERNAL_AUDIO_CODECS,
    fields['audio'],
  )
  const ports = [video, audio]
    .filter(leg => leg.codec !== 'none')
    .flatMap(leg => [leg.port, leg.rtcp_port])
  const twice = ports.find((port, index) => ports.indexOf(port) !== index)
  if (twice !== undefined) {
    throw new RangeError(
      `webrtc.video.port: expected four different ports for video and audio, ` +
        `got ${twice} twice`,
    )
  }
  return { enabled: true, ingest: 'external', listen, video, audio }
}

/** What FFmpeg's rtp muxer sends where no -payload_type is given. */
const FFMPEG_PAYLOAD_TYPES = { 'webrtc.video': 96, 'webrtc.audio': 97 } as const

function externalLeg(
  name: keyof typeof FFMPEG_PAYLOAD_TYPES,
  codecs: readonly ExternalLeg['codec'][],
  raw: unknown,
): ExternalLeg {
  const leg = codecFields(name, raw ?? 'none')
  const codec = oneOf(`${name}.codec`, codecs, leg['codec'])
  if (codec === 'none') return { codec, port: 0, rtcp_port: 0, payload_type: 0 }
  const port = wholeNumber(`${name}.port`, leg['port'], 1, 65_535)
  return {
    codec,
    port,
    rtcp_port: wholeNumber(
      `${name}.rtcp_port`,
      // RFC 3550 section 11: RTCP is on the next higher port.
      leg['rtcp_port'] ?? port + 1,
      1,
      65_535,
    ),
    payload_type: wholeNumber(
      `${name}.payload_type`,
      leg['payload_type'] ?? FFMPEG_PAYLOAD_TYPES[name],
      0,
      127,
    ),
  }
}

/** `"opus"` is short for `{"codec": "opus"}`. */
function codecFields(name: string, raw: unknown): Fields {
  return typeof raw === 'string' ? { codec: raw } : asFields(name, raw)
}

function asFields(name: string, raw: unknown): Fields {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    return { ...raw }
  }
  throw new RangeError(`${name}: expected an object, got ${show(raw)}`)
}

function oneOf<Value extends string>(
  name: string,
  values: readonly Value[],
  raw: unknown,
): Value {
  const found = values.find(value => value === raw)
  if (found !== undefined) return found
  throw new RangeError(
    `${name}: expected one of ${values.join(', ')}, got ${show(raw)}`,
  )
}

function optionalNumber<Key extends string>(
  prefix: string,
  key: Key,
  fields: Fields,
  least: number,
  most: number,
): Partial<Record<Key, number>> {
  const raw = fields[key]
  if (raw === undefined || raw === null) return {}
  const value = wholeNumber(`${prefix}${key}`, raw, least, most)
  return { [key]: value } as Record<Key, number>
}

function wholeNumber(
  name: string,
  raw: unknown,
  least: number,
  most: number,
): number {
  if (
    typeof raw === 'number' &&
    Number.isInteger(raw) &&
    raw >= least &&
    raw <= most
  ) {
    return raw
  }
  throw new RangeError(
    `${name}: expected a whole number from ${least} to ${most}, got ` +
      show(raw),
  )
}

function show(raw: unknown): string {
  return raw === undefined ? 'nothing' : JSON.stringify(raw).slice(0, 80)
}
