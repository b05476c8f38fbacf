/** What FFmpeg says of its inputs before it starts to work on them. */
export interface InputFacts {
  /** Demuxers of the inputs, in their order, such as `rtsp` or `hls`. */
  readonly formats: readonly string[]
  /** The video stream that FFmpeg picks; undefined: there is none. */
  readonly video?: VideoFacts
  readonly audio?: AudioFacts
}

export interface VideoFacts {
  /** FFmpeg's name of the codec, such as `h264` or `hevc`. */
  readonly codec: string
  /** Such as `High 4:2:2`; undefined where FFmpeg names none. */
  readonly profile?: string
  /** Such as `yuv420p10le`; undefined where FFmpeg does not know it. */
  readonly pixelFormat?: string
  readonly interlaced: boolean
}

export interface AudioFacts {
  /** FFmpeg's name of the codec, such as `aac` or `opus`. */
  readonly codec: string
}
