/**
 * media/ingest/watch finds out what is wrong with a leg or a run of FFmpeg
 * while RTP flows.
 * Owns: counters and a few traced packets; no socket and no process.
 * Gets: packets, mediasoup's traces, FFmpeg's progress and the time.
 * Gives: faults (fault.ts) to ../leg-monitor.ts and ../run-watch.ts. To read
 * it: this file, then video-watch.ts and leg-traffic.ts.
 */
import type { Fault } from '../fault.ts'
import type { Leg } from '../leg.ts'
import type { LegPlan } from '../leg-plan.ts'
import { LegWatch, type LegEdge, type LegLimits } from '../leg-watch.ts'
import type { VideoWatch } from './video-watch.ts'

/** The leg of one kind, across restarts of its sender and its worker. */
export class WatchedLeg {
  readonly plan: LegPlan
  readonly watch: LegWatch
  readonly #video: VideoWatch | undefined
  /** The attached leg, and its counts at the last poll. */
  #leg: Leg | undefined
  #packets = 0
  #unexpected = 0
  #faults: readonly Fault[] = []

  constructor(plan: LegPlan, limits: LegLimits, video: VideoWatch | undefined) {
    this.plan = plan
    this.watch = new LegWatch(limits)
    this.#video = video
  }

  /** Faults found by the last check; none unless the leg is live. */
  get faults(): readonly Fault[] {
    return this.watch.state === 'live' ? this.#faults : []
  }

  /** The failure in words, if there is more to say than the cause. */
  get detail(): string | undefined {
    if (this.watch.cause !== 'payload-type') return this.watch.detail
    const { payloadType = 0 } = this.#leg?.traffic?.unexpected ?? {}
    return (
      `RTP of payload type ${payloadType} arrives, ` +
      `${this.plan.payloadType} is expected`
    )
  }

  /**
   * Counts this leg from now on, in place of an earlier one.
   * @param onFirst called when the first packet arrives
   */
  async attach(leg: Leg | undefined, onFirst: () => void): Promise<void> {
    this.#leg = leg
    this.#packets = 0
    this.#unexpected = leg?.traffic?.unexpected.packets ?? 0
    if (leg === undefined) return
    // mediasoup emits the first score at the first packet.
    leg.producer.on('score', onFirst)
    await this.#video?.attach(leg.producer)
  }

  detach(): void {
    this.#leg = undefined
    this.#video?.detach()
  }

  senderStarted(nowMs: number): void {
    this.watch.senderStarted(nowMs)
    this.#video?.senderStarted()
  }

  /** Counts the packets that have arrived since the last call. */
  async poll(otherIsLive: () => boolean): Promise<LegEdge> {
    const leg = this.#leg
    const requestedMs = performance.now()
    const packets = await leg?.packets().catch(() => undefined)
    // undefined: the worker died; the owner learns of that elsewhere.
    if (packets === undefined || this.#leg !== leg) return undefined
    const unexpected = leg?.traffic?.unexpected.packets ?? 0
    const observation = {
      packets: packets - this.#packets,
      unexpected: unexpected - this.#unexpected,
      otherIsLive: otherIsLive(),
    }
    this.#packets = packets
    this.#unexpected = unexpected
    // Silence is certain up to the request only: the reply may be old, if this
    // process was paused before it read it.
    const nowMs = observation.packets > 0 ? performance.now() : requestedMs
    const edge = this.watch.observe(observation, nowMs)
    if (edge === 'live') {
      this.#faults = []
      this.#video?.begin(nowMs)
    }
    return edge
  }

  /** Updates the faults. */
  check(nowMs: number): void {
    if (this.watch.state !== 'live') return
    this.#video?.tick(nowMs)
    this.#faults = [
      ...(this.#video?.faults(nowMs, this.watch.silenceTimeoutMs) ?? []),
      ...(this.#leg?.traffic?.faults ?? []),
    ]
  }
}
