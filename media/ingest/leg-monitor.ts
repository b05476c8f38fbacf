import type { MediaKind } from 'mediasoup/types'

import { repeatAfterInput, type Cancel } from '../../shared/runtime/clock.ts'
import type { Fault } from './fault.ts'
import type { LegOrigin } from './leg-origin.ts'
import type { LegPlan } from './leg-plan.ts'
import type { Leg } from './leg.ts'
import type { LegFailure, LegLimits, LegWatch } from './leg-watch.ts'
import type { InputFacts } from './run/input-facts.ts'
import { VideoWatch } from './watch/video-watch.ts'
import { WatchedLeg } from './watch/watched-leg.ts'

export interface LegMonitorOptions {
  readonly plans: readonly LegPlan[]
  readonly limits: Omit<LegLimits, 'pollIntervalMs'> & {
    /** A live video leg without a key frame for this long is degraded. */
    readonly keyFrameTimeoutMs: number
  }
  readonly origin: (kind: MediaKind) => LegOrigin
  readonly facts: () => InputFacts | undefined
  /** Called when a leg goes live, and once per failure. */
  readonly onEdge: (kind: MediaKind, edge: 'live' | 'failed') => void
  /** Called after each check of the legs. */
  readonly onCheck: () => void
}

/** A leg as of the last check. */
export interface LegView {
  readonly plan: LegPlan
  readonly state: LegWatch['state']
  readonly cause: LegFailure | undefined
  /** The failure in words, if there is more to say than the cause. */
  readonly detail: string | undefined
  readonly packets: number
  readonly silentMs: number | undefined
  /** Faults while RTP flows. */
  readonly faults: readonly Fault[]
}

const MAX_POLL_INTERVAL_MS = 500
const MIN_POLL_INTERVAL_MS = 50

/** Polls the packet counts of a stream's legs, and reports failures. */
export class LegMonitor {
  readonly #options: LegMonitorOptions
  readonly #legs: readonly WatchedLeg[]
  readonly #cancel: Cancel
  #polling = false

  constructor(options: LegMonitorOptions) {
    const { plans, limits, origin, facts } = options
    const { keyFrameTimeoutMs, silenceTimeoutMs } = limits
    this.#options = options
    const pollIntervalMs = Math.max(
      MIN_POLL_INTERVAL_MS,
      Math.min(MAX_POLL_INTERVAL_MS, silenceTimeoutMs / 6),
    )
    this.#legs = plans.map(plan => {
      const video =
        plan.kind === 'video'
          ? new VideoWatch({
              plan,
              origin: origin('video'),
              keyFrameTimeoutMs,
              facts,
            })
          : undefined
      return new WatchedLeg(plan, { ...limits, pollIntervalMs }, video)
    })
    this.#cancel = repeatAfterInput(pollIntervalMs, () => {
      this.#poll()
      this.#check()
    })
  }

  /** Polls these legs from now on, in place of earlier ones. */
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

  /** Records an intentional stop. */
  senderStopped(): void {
    for (const { watch } of this.#legs) watch.senderStopped()
  }

  /** Records an unexpected end, with the cause of each leg. */
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
    // A frozen worker replies late; until then nothing is known.
    if (this.#polling) return
    this.#polling = true
    void Promise.all(this.#legs.map(watched => this.#pollLeg(watched))).finally(
      () => {
        this.#polling = false
      },
    )
  }

  async #pollLeg(watched: WatchedLeg): Promise<void> {
    const edge = await watched.poll(() =>
      this.#legs.some(leg => leg !== watched && leg.watch.state === 'live'),
    )
    if (edge !== undefined) this.#options.onEdge(watched.plan.kind, edge)
  }

  #check(): void {
    const nowMs = performance.now()
    for (const watched of this.#legs) watched.check(nowMs)
    this.#options.onCheck()
  }
}
