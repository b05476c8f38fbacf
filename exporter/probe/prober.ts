/**
 * Probes: playing a stream as a viewer does, to prove that it can be played.
 *
 * Owns: the player process, and which streams are being probed.
 * Gets: EXPORTER_PROBE_URL, the token that proves a probe to the media process.
 * Gives: the outcome of a probe to web/.
 *
 * To read it: outcome.ts, this file, then player-process.ts. play.ts, peer.ts
 * and whep-session.ts run in the player process.
 */
import type { ShownReason } from '../../shared/protocol/degraded.ts'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Limits } from '../limits.ts'
import { failed, ProbeError, type Outcome } from './outcome.ts'
import { PlayerProcess } from './player-process.ts'

export interface ProberOptions {
  /** Base URL of the media process. */
  readonly url: URL
  readonly token: string | undefined
  /** Why the media process considers a stream degraded, if it does. */
  readonly degradedReason: (
    stream: StreamId,
  ) => Promise<ShownReason | undefined>
  readonly limits: Limits
  readonly log: Log
}

export class Prober {
  readonly #options: ProberOptions
  readonly #probed = new Set<StreamId>()
  #player: PlayerProcess | undefined
  #idle: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /**
   * Probes a stream, at most `timeoutMs`; `aborted` ends it early.
   * @throws {ProbeError} if there is no result
   */
  async probe(
    stream: StreamId,
    timeoutMs: number,
    aborted: AbortSignal,
  ): Promise<Outcome> {
    if (this.#isClosed) throw new ProbeError('The exporter is shutting down')
    const { limits, log } = this.#options
    if (this.#probed.has(stream)) {
      return failed('busy', 'This stream is being probed')
    }
    if (this.#probed.size >= limits.maxProbes) {
      return failed('busy', `${this.#probed.size} streams are being probed`)
    }
    this.#probed.add(stream)
    clearTimeout(this.#idle)
    try {
      const played = await this.#usablePlayer().play(
        { ...this.#requestFor(stream), timeoutMs },
        aborted,
      )
      const degraded = await this.#options.degradedReason(stream)
      const outcome = distinguish(played, degraded)
      const { failure: reason, detail } = outcome
      if (reason !== undefined && !aborted.aborted) {
        log.warn('probe failed', { stream, reason, detail })
      }
      return outcome
    } finally {
      this.#probed.delete(stream)
      if (this.#probed.size === 0) this.#endWhenIdle()
    }
  }

  /** Ends the player process. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#idle)
    await this.#player?.end()
  }

  #usablePlayer(): PlayerProcess {
    if (this.#player?.isUsable !== true) {
      const { limits, log } = this.#options
      this.#player = new PlayerProcess(limits, log)
    }
    return this.#player
  }

  #endWhenIdle(): void {
    if (this.#isClosed) return
    this.#idle = setTimeout(() => {
      void this.#player?.end()
    }, this.#options.limits.playerIdleTimeoutMs)
  }

  #requestFor(stream: StreamId) {
    const { url, token } = this.#options
    const base = url.href.replace(/\/$/, '')
    return {
      endpoint: `${base}/api/v3/whep/${encodeURIComponent(stream)}`,
      headers: {
        'Dragonfork-Probe': '1',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
    }
  }
}

/**
 * Tells missing key frames from missing video. mediasoup forwards no video
 * before a key frame, so a viewer cannot: only the media process knows.
 */
function distinguish(
  outcome: Outcome,
  degraded: ShownReason | undefined,
): Outcome {
  const { failure, packets } = outcome
  const lacksVideo = failure === 'no_rtp' || failure === 'no_key_frame'
  if (!lacksVideo || packets.video > 0) return outcome
  switch (degraded) {
    case 'no-key-frames':
    case 'sparse-key-frames':
      return { ...outcome, failure: 'no_key_frame' }
    case 'leg-failed':
      return { ...outcome, failure: 'no_rtp' }
    default:
      return outcome
  }
}
