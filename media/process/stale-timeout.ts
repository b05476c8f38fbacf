import type { RunBounds } from '../ffmpeg/run.ts'
import type { ProcessConfig } from './process-config.ts'

/** Twice the rhythm of the slowest sources that count as alive. */
const DEFAULT_MS = 60_000

/** Transports where FFmpeg waits for a sender, whoever that may be. */
const RECEIVES =
  /^(?:udp|udplite|rtp|srtp):|\.sdp$|[?&](?:listen|mode=listener)\b/
const LISTENS = new Set(['-listen', '-rtsp_flags', '-mode'])

/**
 * When FFmpeg counts as stale. A process that feeds a stream has a default:
 * a camera that has died with its connection open is noticed by nothing else.
 */
export function staleBounds({
  stale_timeout_seconds: seconds,
  webrtc,
  input,
}: ProcessConfig): Pick<RunBounds, 'staleTimeoutMs' | 'waitsForSender'> {
  if (seconds > 0 || !webrtc.enabled) {
    return { staleTimeoutMs: seconds * 1_000, waitsForSender: false }
  }
  const waitsForSender = input.some(
    ({ address, options }) =>
      RECEIVES.test(address) || options.some(option => LISTENS.has(option)),
  )
  return { staleTimeoutMs: DEFAULT_MS, waitsForSender }
}
