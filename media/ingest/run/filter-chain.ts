import { repairExpression, type Arrival } from './timestamp-repair.ts'
import { splitOptions } from '../encoder-options.ts'
import type { ManagedAudio, ManagedVideo } from '../webrtc-config.ts'
import { isSoftwareEncoder } from './video-encoders.ts'

/** How FFmpeg processes one leg's frames. */
export interface OutputSettings {
  readonly arrival: Arrival
  /** Whether a filter slows the frames down to real time. */
  readonly paced: boolean
  readonly deinterlace: boolean
  /**
   * The stream to use (`-map`); undefined: FFmpeg selects one. For an input
   * whose only video is cover art it is `0:V:0`: FFmpeg then fails as for an
   * input without video.
   */
  readonly map: string | undefined
  /** When the run was prepared, milliseconds since 1970. */
  readonly startedMs: number
}

/** Maximum frame rate if the configuration has none. */
export const DEFAULT_MAX_FPS = 60
/** A sample aspect ratio beyond this is a mistake of the source. */
const MAX_PIXEL_ASPECT = 4
/** Longer pauses between frames are skipped rather than paced, seconds. */
const MAX_PAUSE_S = 35

/**
 * Returns the filters of a video leg: they repair timestamps, limit the frame
 * rate, and make pictures that browsers play. Those of the operator come last.
 */
export function videoFilters(
  { fps = DEFAULT_MAX_FPS, height, options }: ManagedVideo,
  settings: OutputSettings,
): string {
  const { encoder, filters } = splitOptions(options)
  const { arrival, paced, deinterlace, startedMs } = settings
  const repair = repairExpression({ kind: 'video', arrival, startedMs })
  const own = [
    // RTP's time base: FFmpeg would round to one frame duration.
    'settb=1/90000',
    `setpts='${repair}'`,
    ...(paced ? [`realtime=limit=${MAX_PAUSE_S}`] : []),
    `select='${limitRate(fps)}'`,
    ...squarePixels(height),
    // bwdif outputs each frame only when the next one arrives.
    ...(deinterlace ? ['bwdif=mode=send_frame:deint=interlaced'] : []),
  ]
  if (isSoftwareEncoder(encoder)) return chain(own, filters, 'format=yuv420p')
  // The operator's filters may upload the frames to the GPU.
  if (filters !== undefined) return chain(own, filters, 'null')
  return chain(own, undefined, 'format=yuv420p|nv12')
}

/** Returns the filters of an audio leg; they also fill gaps with silence. */
export function audioFilters(
  { options }: ManagedAudio,
  settings: OutputSettings,
): string {
  const { arrival, paced, startedMs } = settings
  const repair = repairExpression({ kind: 'audio', arrival, startedMs })
  const own = [
    `asetpts='${repair}'`,
    ...(paced ? [`arealtime=limit=${MAX_PAUSE_S}`] : []),
  ]
  const { filters } = splitOptions(options)
  return chain(own, filters, 'aresample=48000:async=1000')
}

/**
 * Joins the server's filters, the operator's and the last one. FFmpeg allows
 * the labels `[in]` and `[out]` in a graph; here they are the ends of the
 * operator's part.
 */
function chain(
  own: readonly string[],
  theirs: string | undefined,
  last: string,
): string {
  const before = own.join(',')
  if (theirs === undefined) return `${before},${last}`
  const graph = theirs
    .replaceAll('[in]', '[own]')
    .replaceAll('[out]', '[theirs]')
  const start = theirs.includes('[in]') ? '[own];' : ','
  const end = theirs.includes('[out]') ? ';[theirs]' : ','
  return `${before}${start}${graph}${end}${last}`
}

/**
 * Passes a frame that is due within half a frame duration: the timestamps of a
 * source at exactly the limit jitter. Register 0: when the next one is due.
 */
function limitRate(fps: number): string {
  return `if(gte(t,ld(0)-0.5/${fps}),st(0,max(t,ld(0))+1/${fps}))`
}

/**
 * Browsers assume square pixels, and encoders need an even width and height.
 * The first frame decides the size; later ones are scaled to it.
 * @param maxHeight maximum number of lines; the aspect ratio stays
 */
function squarePixels(maxHeight: number | undefined): readonly string[] {
  const even = (length: string) => `max(2,2*trunc((${length})/2))`
  const width = `iw*clip(sar,1,${MAX_PIXEL_ASPECT})`
  const height = `ih*clip(1/sar,1,${MAX_PIXEL_ASPECT})`
  const factor =
    maxHeight === undefined ? '' : `*min(1,${maxHeight}/(${height}))`
  const size = `w='${even(width + factor)}':h='${even(height + factor)}'`
  return [`scale=${size}:interl=-1`, 'setsar=1']
}
