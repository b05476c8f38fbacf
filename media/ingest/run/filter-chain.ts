import { repairExpression, type Arrival } from './timestamp-repair.ts'
import type { ManagedVideo } from '../webrtc-config.ts'

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
 * rate, and make pictures that browsers play.
 */
export function videoFilters(
  { fps = DEFAULT_MAX_FPS, height }: ManagedVideo,
  settings: OutputSettings,
): string {
  const { arrival, paced, deinterlace, startedMs } = settings
  const repair = repairExpression({ kind: 'video', arrival, startedMs })
  return [
    // RTP's time base: FFmpeg would round to one frame duration.
    'settb=1/90000',
    `setpts='${repair}'`,
    ...(paced ? [`realtime=limit=${MAX_PAUSE_S}`] : []),
    `select='${limitRate(fps)}'`,
    ...squarePixels(height),
    // bwdif outputs each frame only when the next one arrives.
    ...(deinterlace ? ['bwdif=mode=send_frame:deint=interlaced'] : []),
    'format=yuv420p',
  ].join(',')
}

/** Returns the filters of an audio leg; they also fill gaps with silence. */
export function audioFilters(settings: OutputSettings): string {
  const { arrival, paced, startedMs } = settings
  const repair = repairExpression({ kind: 'audio', arrival, startedMs })
  return [
    `asetpts='${repair}'`,
    ...(paced ? [`arealtime=limit=${MAX_PAUSE_S}`] : []),
    'aresample=48000:async=1000',
  ].join(',')
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
