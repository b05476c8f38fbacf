import type { MediaKind } from 'mediasoup/types'

import type { LegPlan } from './leg-plan.ts'
import type { Leg } from './leg.ts'
import { LegWatch, type LegFailure, type LegLimits } from './leg-watch.ts'

export interface LegMonitorOptions {
  readonly plans: readonly LegPlan[]
  readonly limits: LegLimits
  /** Called when a leg goes live or fails, once an episode. */
  readonly onEdge: (kind: MediaKind, edge: 'live' | 'failed') => void
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
  readonly lacksKeyFrames: boolean
}

interface Watched {
  readonly plan: LegPlan
  readonly watch: LegWatch
  /** The leg that is counted, and what was counted of it so far. */
  leg: Leg | undefined
  counted: number
}

const LONGEST_INTERVAL_MS = 500
const SHORTEST_INTERVAL_MS = 50

/** Counts the packets of a stream's legs, and tells when one falls silent. */
export class LegMonitor {
  readonly #options: LegMonitorOptions
  readonly #legs: readonly Watched[]
  readonly #timer: NodeJS.Timeout
  #polling = false

  constructor(options: LegMonitorOptions) {
    this.#options = options
    this.#legs = options.plans.map(plan => ({
      plan,
      watch: new LegWatch(options.limits),
      leg: undefined,
      counted: 0,
    }))
    const intervalMs = Math.max(
      SHORTEST_INTERVAL_MS,
      Math.min(LONGEST_INTERVAL_MS, options.limits.silenceMs / 6),
    )
    this.#timer = setInterval(() => {
      this.#poll()
    }, intervalMs)
    this.#timer.unref()
  }

  /** Counts these legs from now on; earlier ones are forgotten. */
  async attach(legs: readonly Leg[]): Promise<void> {
    this.detach()
    for (const watched of this.#legs) {
      watched.leg = legs.find(({ plan }) => plan.kind === watched.plan.kind)
      watched.counted = 0
    }
    await Promise.all(this.#legs.map(watched => this.#listen(watched)))
  }

  detach(): void {
    for (const watched of this.#legs) watched.leg = undefined
  }

  senderStarted(): void {
    for (const { watch } of this.#legs) watch.senderStarted(performance.now())
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
    return this.#legs.map(({ plan, watch }) => ({
      plan,
      state: watch.state,
      cause: watch.cause,
      detail: watch.detail,
      packets: watch.packets,
      silentMs: watch.silentMs(nowMs),
      lacksKeyFrames: plan.kind === 'video' && watch.lacksKeyFrames(nowMs),
    }))
  }

  close(): void {
    clearInterval(this.#timer)
    this.detach()
  }

  async #listen(watched: Watched): Promise<void> {
    const { leg, watch } = watched
    if (leg === undefined) return
    leg.producer.on('trace', ({ type }) => {
      if (type === 'keyframe') watch.keyFrameSeen(performance.now())
    })
    // The first packet makes a score; later ones tell nothing.
    leg.producer.on('score', () => {
      this.#poll()
    })
    if (leg.plan.kind === 'video') {
      await leg.producer.enableTraceEvent(['keyframe'])
    }
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

  async #count(watched: Watched): Promise<void> {
    const { leg, plan, watch } = watched
    if (leg === undefined) return
    const packets = await leg.packets().catch(() => undefined)
    // Undefined: the worker died, which its owner is told otherwise.
    if (packets === undefined || watched.leg !== leg) return
    const edge = watch.observe(packets - watched.counted, performance.now())
    watched.counted = packets
    if (edge !== undefined) this.#options.onEdge(plan.kind, edge)
  }
}
