/** The `webrtc` object of a process: upstream's JSON plus what the fork adds. */

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

/** A leg that somebody else's sender feeds. */
export interface ExternalLeg {
  /** `none`: the stream lacks this kind. */
  readonly codec: 'h264' | 'vp8' | 'opus' | 'none'
  /** UDP port we listen on for RTP; RTCP is read from `rtcp_port`. */
  readonly port: number
  readonly rtcp_port: number
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
  /** Address the legs listen on; 127.0.0.1 unless said otherwise. */
  readonly listen: string
  readonly video: ExternalLeg
  readonly audio: ExternalLeg
}

export type WebrtcConfig =
  { readonly enabled: false } | ManagedWebrtc | ExternalWebrtc
