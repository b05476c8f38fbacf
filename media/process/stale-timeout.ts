import type { RunLimits } from '../ffmpeg/run.ts'
import type { ProcessConfig } from './process-config.ts'

/** Twice the frame interval of the slowest sources that count as alive. */
const DEFAULT_TIMEOUT_MS = 60_000

/** Transports over which FFmpeg waits for a sender. */
const RECEIVES =
  /^(?:udp|udplite|rtp|srtp):|\.sdp$|[?&](?:listen|mode=listener)\b/
const LISTENS = new Set(['-listen', '-rtsp_flags', '-mode'])

/**
 * When FFmpeg counts as stale. A process that feeds a stream has a default,
 * because nothing else notices a camera that dies with its connection open.
 */
export function staleLimits({
  stale_timeout_seconds: seconds,
  webrtc,
  input,
}: ProcessConfig): Pick<RunLimits, 'staleTimeoutMs' | 'waitsForSender'> {
  if (seconds > 0 || !webrtc.enabled) {
    return { staleTimeoutMs: seconds * 1_000, waitsForSender: false }
  }
  const waitsForSender = input.some(
    ({ address, options }) =>
      RECEIVES.test(address) || options.some(option => LISTENS.has(option)),
  )
  return { staleTimeoutMs: DEFAULT_TIMEOUT_MS, waitsForSender }
}
