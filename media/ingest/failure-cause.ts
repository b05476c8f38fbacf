import type { MediaKind } from 'mediasoup/types'

import type { LegPorts } from './ffmpeg-output.ts'
import type { LegFailure } from './leg-watch.ts'

/** What is known of a leg, to find it in FFmpeg's words. */
export interface SuspectLeg {
  readonly kind: MediaKind
  readonly ports: LegPorts
}

const NO_STREAM = /does not contain any stream|matches no streams/
const ENCODER =
  /Unknown encoder|Error initializing output stream|Error while opening encoder|Could not write header/
const ENCODERS = {
  video: /libx264|libvpx|h264_mp4toannexb|dump_extra/,
  audio: /libopus/,
} as const
/** Names all encoders, also those that are well. */
const STREAM_MAPPING = /Stream #\d+:\d+.* -> #\d+:\d+/
const BIND = /bind failed|Address already in use/

/**
 * Why FFmpeg 5.1 ended, as its last lines tell, for each leg. All legs end
 * with the process; the one that was its reason has a cause of its own.
 */
export function failureCauses(
  log: readonly string[],
  legs: readonly SuspectLeg[],
): ReadonlyMap<MediaKind, LegFailure> {
  const reason = reasonOf(log)
  const guilty =
    reason === 'exit' ? [] : legs.filter(leg => isGuilty(reason, leg, log))
  const blamed = guilty.length === 0 ? legs : guilty
  return new Map(
    legs.map(leg => [leg.kind, blamed.includes(leg) ? reason : 'exit']),
  )
}

/** What FFmpeg's words tell apart. */
type Told = 'bind' | 'encoder' | 'no-such-stream'

function reasonOf(log: readonly string[]): Told | 'exit' {
  const text = log.join('\n')
  if (BIND.test(text)) return 'bind'
  if (NO_STREAM.test(text)) return 'no-such-stream'
  if (ENCODER.test(text)) return 'encoder'
  return 'exit'
}

function isGuilty(
  reason: Told,
  { kind, ports }: SuspectLeg,
  log: readonly string[],
): boolean {
  switch (reason) {
    case 'bind':
      return log.some(line => line.includes(`rtp://127.0.0.1:${ports.rtp}`))
    case 'no-such-stream':
      return !log.some(line => isInputOf(kind, line))
    case 'encoder':
      return log.some(
        line => ENCODERS[kind].test(line) && !STREAM_MAPPING.test(line),
      )
  }
}

/** Whether the line is of FFmpeg's dump of its inputs, naming the kind. */
function isInputOf(kind: MediaKind, line: string): boolean {
  const name = kind === 'video' ? 'Video' : 'Audio'
  return new RegExp(`Stream #\\d+:\\d+.*: ${name}:`).test(line)
}
