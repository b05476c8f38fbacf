import type { Producer } from 'mediasoup/types'

import type { LegPlan } from './leg-plan.ts'

/** One kind's way into a worker. */
export interface Leg {
  readonly plan: LegPlan
  /** What viewers consume. */
  readonly producer: Producer
  /**
   * RTP packets received since it was opened.
   * @throws {EngineError} when the worker died
   */
  packets(): Promise<number>
  /** Gives back its ports. Idempotent. */
  close(): void
}
