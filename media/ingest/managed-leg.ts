import type { LegOutput, LegPorts } from './run/ffmpeg-output.ts'
import type { Leg } from './leg.ts'

/** A leg that our own FFmpeg sends, from fixed ports to fixed ports. */
export interface ManagedLeg extends Leg {
  readonly ports: LegPorts
  /** What FFmpeg must be told for its next run; the last one is over. */
  nextRun(): Promise<LegOutput>
}
