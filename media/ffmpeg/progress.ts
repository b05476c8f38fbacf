/** The last block of FFmpeg's `-progress` output. */
export interface Progress {
  /** Frames written; 0 without video. */
  readonly frame: number
  readonly fps: number
  /** Quantizer of the first video output. */
  readonly q: number
  /** Bytes written; 0 if the format does not count them. */
  readonly sizeBytes: number
  /** Media time written, seconds. */
  readonly timeS: number
  readonly bitrateKbit: number
  /** Media time over wall time. */
  readonly speed: number
  readonly drop: number
  readonly dup: number
}

export const NO_PROGRESS: Progress = {
  frame: 0,
  fps: 0,
  q: 0,
  sizeBytes: 0,
  timeS: 0,
  bitrateKbit: 0,
  speed: 0,
  drop: 0,
  dup: 0,
}

/** All other keys are ignored. */
const KEYS = new Set([
  'frame',
  'fps',
  'stream_0_0_q',
  'bitrate',
  'total_size',
  'out_time_us',
  'dup_frames',
  'drop_frames',
  'speed',
])

/**
 * Returns a reader for the lines of `-progress`. It calls `onProgress` at the
 * end of each block, the line `progress=continue` or `progress=end`.
 */
export function progressReader(
  onProgress: (progress: Progress) => void,
): (line: string) => void {
  const block = new Map<string, string>()
  return line => {
    const at = line.indexOf('=')
    const key = line.slice(0, at)
    if (KEYS.has(key)) block.set(key, line.slice(at + 1))
    if (key !== 'progress') return
    onProgress(readBlock(block))
    block.clear()
  }
}

function readBlock(block: ReadonlyMap<string, string>): Progress {
  // `N/A`, `405x`, ` 405x`, `1500.2kbits/s`: an optional leading number.
  const number = (key: string) => {
    const value = Number.parseFloat(block.get(key) ?? '')
    return Number.isFinite(value) && value > 0 ? value : 0
  }
  return {
    frame: number('frame'),
    fps: number('fps'),
    q: number('stream_0_0_q'),
    sizeBytes: number('total_size'),
    timeS: number('out_time_us') / 1e6,
    bitrateKbit: number('bitrate'),
    speed: number('speed'),
    drop: number('drop_frames'),
    dup: number('dup_frames'),
  }
}

/**
 * Whether anything was written between the two reports. Frames alone are not
 * enough, because a process without video has none.
 */
export function hasMoved(from: Progress, to: Progress): boolean {
  return (
    to.frame > from.frame ||
    to.timeS > from.timeS ||
    to.sizeBytes > from.sizeBytes
  )
}
