import { repairExpression, type Arrival } from './timestamp-repair.ts'
import type { ManagedVideo } from '../webrtc-config.ts'

/** How a run treats one leg's frames. */
export interface Treatment {
  readonly arrival: Arrival
  /** Slowed down to real time by a filter. */
  readonly paced: boolean
  readonly deinterlace: boolean
  /**
   * The stream to take (`-map`); undefined: FFmpeg picks it. An input whose
   * only pictures are covers gets `0:V:0`: FFmpeg then ends with the error of
   * an input that has no video.
   */
  readonly map: string | undefined
  /** When the run was prepared, ms since 1970. */
  readonly startedMs: number
}

/** Where the configuration says nothing. */
export const MOST_FPS = 60
/** Pixels so far from square are a mistake. */
const MOST_OBLONG = 4
/** A pause between frames that the pace keeps to, seconds. */
const LONGEST_PAUSE_S = 35

/**
 * The filters of a video leg. Its frames get a time that goes on, at most so
 * many a second are left, and all become pictures that browsers play.
 */
export function videoFilters(
  { fps = MOST_FPS }: ManagedVideo,
  treatment: Treatment,
): string {
  const { arrival, paced, deinterlace, startedMs } = treatment
  const repair = repairExpression({ kind: 'video', arrival, startedMs })
  return [
    // RTP's: FFmpeg would take the frame rate for one, and round to it.
    'settb=1/90000',
    `setpts='${repair}'`,
    ...(paced ? [`realtime=limit=${LONGEST_PAUSE_S}`] : []),
    `select='${atMost(fps)}'`,
    ...squarePixels(),
    // It gives each frame only when the next has come.
    ...(deinterlace ? ['bwdif=mode=send_frame:deint=interlaced'] : []),
    'format=yuv420p',
  ].join(',')
}

/** The filters of an audio leg, which also fill gaps with silence. */
export function audioFilters(treatment: Treatment): string {
  const { arrival, paced, startedMs } = treatment
  const repair = repairExpression({ kind: 'audio', arrival, startedMs })
  return [
    `asetpts='${repair}'`,
    ...(paced ? [`arealtime=limit=${LONGEST_PAUSE_S}`] : []),
    'aresample=48000:async=1000',
  ].join(',')
}

/**
 * Lets a frame through when it is due, or half a frame before: the times of a
 * source that keeps to the limit tremble. Register 0: when the next is due.
 */
function atMost(fps: number): string {
  return `if(gte(t,ld(0)-0.5/${fps}),st(0,max(t,ld(0))+1/${fps}))`
}

/**
 * Browsers take pixels for square, and encoders want an even width and height.
 * The size is that of the first frame, also where later ones have another.
 */
function squarePixels(): readonly string[] {
  const even = (length: string) => `max(2,2*trunc(${length}/2))`
  const width = even(`iw*clip(sar,1,${MOST_OBLONG})`)
  const height = even(`ih*clip(1/sar,1,${MOST_OBLONG})`)
  return [`scale=w='${width}':h='${height}':interl=-1`, 'setsar=1']
}
