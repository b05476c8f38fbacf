import type { Producer, Router } from 'mediasoup/types'

import type { MediaWorker } from '../engine/media-worker.ts'
import type { InputFacts } from './run/input-facts.ts'
import type { LegPlan } from './leg-plan.ts'
import type { LegTraffic } from './watch/leg-traffic.ts'

/** One kind's way into a worker. */
export interface Leg {
  readonly plan: LegPlan
  /** What viewers consume. */
  readonly producer: Producer
  /** What is seen of RTP that somebody else sends. */
  readonly traffic?: LegTraffic | undefined
  /**
   * RTP packets received since it was opened.
   * @throws {EngineError} when the worker died
   */
  packets(): Promise<number>
  /** Gives back its ports. Idempotent. */
  close(): void
}

/** All legs of a stream, and what of them outlives a worker. */
export interface LegSet {
  /** What is known of the inputs, where our own FFmpeg reads them. */
  readonly facts?: InputFacts | undefined
  /**
   * Opens the legs in a worker; earlier ones are closed already.
   * @throws {EngineError} those that were opened are closed
   */
  open(
    worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly Leg[]>
  /** Gives back what outlives a worker. Idempotent. */
  close(): void
}
