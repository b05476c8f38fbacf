import type { MediaKind } from 'mediasoup/types'

import { repeatAfterInput, type Cancel } from '../../shared/runtime/clock.ts'
import type { Fault } from './fault.ts'
import type { InputFacts } from './input-facts.ts'
import type { LegOrigin } from './leg-origin.ts'
import type { LegPlan } from './leg-plan.ts'
import type { Leg } from './leg.ts'
import type { LegFailure, LegLimits, LegWatch } from './leg-watch.ts'
import { VideoWatch } from './video-watch.ts'
import { WatchedLeg } from './watched-leg.ts'

export interface LegMonitorOptions {
  readonly plans: readonly LegPlan[]
  readonly limits: Omit<LegLimits, 'observeEveryMs'> & {
    /** A live video leg without key frame for so long is degraded. */
    readonly keyFrameMs: number
  }
  readonly origin: (kind: MediaKind) => LegOrigin
  /** What is known of the inputs. */
  readonly facts: () => InputFacts | undefined
  /** Called when a leg goes live or fails, once an episode. */
  readonly onEdge: (kind: MediaKind, edge: 'live' | 'failed') => void
  /** Called after each look at the legs. */
  readonly onLook: () => void
}

/** A leg as it was last seen. */
export interface LegView {
  readonly plan: LegPlan
  readonly state: LegWatch['state']
  readonly cause: LegFailure | undefined
  /** The cause in words, where it has words of its own. */
  readonly detail: string | undefined
  readonly packets: number
  readonly silentMs: number | undefined
  /** What is wrong though RTP flows. */
  readonly faults: readonly Fault[]
}

const LONGEST_INTERVAL_MS = 500
const SHORTEST_INTERVAL_MS = 50

/** Counts the packets of a stream's legs, and tells when one falls silent. */
export class LegMonitor {
  readonly #options: LegMonitorOptions
  readonly #legs: readonly WatchedLeg[]
  readonly #cancel: Cancel
  #polling = false

  constructor(options: LegMonitorOptions) {
    const { plans, limits, origin, facts } = options
    const { keyFrameMs, silenceMs } = limits
    this.#options = options
    const intervalMs = Math.max(
      SHORTEST_INTERVAL_MS,
      Math.min(LONGEST_INTERVAL_MS, silenceMs / 6),
    )
    this.#legs = plans.map(plan => {
      const video =
        plan.kind === 'video'
          ? new VideoWatch({ plan, origin: origin('video'), keyFrameMs, facts })
          : undefined
      return new WatchedLeg(
        plan,
        { ...limits, observeEveryMs: intervalMs },
        video,
      )
    })
    this.#cancel = repeatAfterInput(intervalMs, () => {
      this.#poll()
      this.#look()
    })
  }

  /** Counts these legs from now on; earlier ones are forgotten. */
  async attach(legs: readonly Leg[]): Promise<void> {
    this.detach()
    await Promise.all(
      this.#legs.map(watched =>
        watched.attach(
          legs.find(({ plan }) => plan.kind === watched.plan.kind),
          () => {
            this.#poll()
          },
        ),
      ),
    )
  }

  detach(): void {
    for (const watched of this.#legs) watched.detach()
  }

  senderStarted(): void {
    const nowMs = performance.now()
    for (const watched of this.#legs) watched.senderStarted(nowMs)
  }

  /** An operator wanted it. */
  senderStopped(): void {
    for (const { watch } of this.#legs) watch.senderStopped()
  }

  /** Nobody wanted it; each leg has its cause, some in words of their own. */
  senderFailed(
    causes: ReadonlyMap<MediaKind, LegFailure>,
    details: ReadonlyMap<MediaKind, string> = new Map(),
  ): void {
    for (const { plan, watch } of this.#legs) {
      const cause = causes.get(plan.kind) ?? 'exit'
      const edge = watch.senderFailed(cause, details.get(plan.kind))
      if (edge !== undefined) this.#options.onEdge(plan.kind, edge)
    }
  }

  view(): readonly LegView[] {
    const nowMs = performance.now()
    return this.#legs.map(({ plan, watch, detail, faults }) => ({
      plan,
      state: watch.state,
      cause: watch.cause,
      detail,
      packets: watch.packets,
      silentMs: watch.silentMs(nowMs),
      faults,
    }))
  }

  close(): void {
    this.#cancel()
    this.detach()
  }

  #poll(): void {
    // A frozen worker answers late; until then nothing is known.
    if (this.#polling) return
    this.#polling = true
    void Promise.all(this.#legs.map(watched => this.#count(watched))).finally(
      () => {
        this.#polling = false
      },
    )
  }

  async #count(watched: WatchedLeg): Promise<void> {
    const edge = await watched.count(() =>
      this.#legs.some(leg => leg !== watched && leg.watch.state === 'live'),
    )
    if (edge !== undefined) this.#options.onEdge(watched.plan.kind, edge)
  }

  #look(): void {
    const nowMs = performance.now()
    for (const watched of this.#legs) watched.look(nowMs)
    this.#options.onLook()
  }
}
