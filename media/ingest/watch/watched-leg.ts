import type { Fault } from '../fault.ts'
import type { Leg } from '../leg.ts'
import type { LegPlan } from '../leg-plan.ts'
import { LegWatch, type LegEdge, type LegLimits } from '../leg-watch.ts'
import type { VideoWatch } from './video-watch.ts'

/** One kind's leg over the lives of its sender and of its worker. */
export class WatchedLeg {
  readonly plan: LegPlan
  readonly watch: LegWatch
  readonly #video: VideoWatch | undefined
  /** The leg that is counted, and what was counted of it so far. */
  #leg: Leg | undefined
  #counted = 0
  #foreign = 0
  #faults: readonly Fault[] = []

  constructor(plan: LegPlan, limits: LegLimits, video: VideoWatch | undefined) {
    this.plan = plan
    this.watch = new LegWatch(limits)
    this.#video = video
  }

  /** What was wrong at the last look, while RTP flows. */
  get faults(): readonly Fault[] {
    return this.watch.state === 'live' ? this.#faults : []
  }

  /** Why it failed, where the cause has words of its own. */
  get detail(): string | undefined {
    if (this.watch.cause !== 'payload-type') return this.watch.detail
    const { payloadType = 0 } = this.#leg?.traffic?.foreign ?? {}
    return (
      `RTP of payload type ${payloadType} arrives, ` +
      `${this.plan.payloadType} is expected`
    )
  }

  /**
   * Counts this leg from now on; an earlier one is forgotten.
   * @param onFirst called when the first packet came
   */
  async attach(leg: Leg | undefined, onFirst: () => void): Promise<void> {
    this.#leg = leg
    this.#counted = 0
    this.#foreign = leg?.traffic?.foreign.packets ?? 0
    if (leg === undefined) return
    // The first packet makes a score; later ones tell nothing.
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

  /** Counts what came since the last call. */
  async count(otherIsLive: () => boolean): Promise<LegEdge> {
    const leg = this.#leg
    const packets = await leg?.packets().catch(() => undefined)
    // Undefined: the worker died, which its owner is told otherwise.
    if (packets === undefined || this.#leg !== leg) return undefined
    const foreign = leg?.traffic?.foreign.packets ?? 0
    const observed = {
      packets: packets - this.#counted,
      foreign: foreign - this.#foreign,
      otherIsLive: otherIsLive(),
    }
    this.#counted = packets
    this.#foreign = foreign
    const nowMs = performance.now()
    const edge = this.watch.observe(observed, nowMs)
    if (edge === 'live') {
      this.#faults = []
      this.#video?.begin(nowMs)
    }
    return edge
  }

  /** Looks what is wrong with what it carries. */
  look(nowMs: number): void {
    if (this.watch.state !== 'live') return
    this.#video?.tick(nowMs)
    this.#faults = [
      ...(this.#video?.faults(nowMs, this.watch.patienceMs) ?? []),
      ...(this.#leg?.traffic?.faults(nowMs) ?? []),
    ]
  }
}
