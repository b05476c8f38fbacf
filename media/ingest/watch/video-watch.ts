import type { Producer } from 'mediasoup/types'

import type { Fault } from '../fault.ts'
import { FrameOrder } from './frame-order.ts'
import { FrameSampler } from './frame-sampler.ts'
import type { InputFacts } from '../run/input-facts.ts'
import { KeyFrameWatch } from './key-frame-watch.ts'
import type { LegOrigin } from '../leg-origin.ts'
import { codecParameters, type LegPlan } from '../leg-plan.ts'
import { inputFault, wildFaults } from './picture-faults.ts'

export interface VideoWatchOptions {
  readonly plan: LegPlan
  readonly origin: LegOrigin
  /** Without key frame for so long, who joins sees nothing. */
  readonly keyFrameMs: number
  readonly facts: () => InputFacts | undefined
}

/** Whether browsers can play what a video leg carries. */
export class VideoWatch {
  readonly #options: VideoWatchOptions
  readonly #keyFrames: KeyFrameWatch
  /** Only of what is copied: Node sees all packets of external senders. */
  readonly #order: FrameOrder | undefined
  #sampler: FrameSampler | undefined

  constructor(options: VideoWatchOptions) {
    const { plan, origin, keyFrameMs } = options
    const { clockRate } = codecParameters(plan.codec, plan.payloadType)
    this.#options = options
    this.#keyFrames = new KeyFrameWatch({
      missingMs: keyFrameMs,
      judgesGaps: origin !== 'encoded',
      hint: plan.codec === 'h264' ? ' (is the SPS sent in the stream?)' : '',
      advice:
        'let the source send one a second' +
        (origin === 'copied' ? ', or use h264 in place of copy' : ''),
    })
    this.#order =
      origin === 'copied' ? new FrameOrder({ clockRate, leaps: 1 }) : undefined
  }

  /** Watches this producer from now on; an earlier one is forgotten. */
  attach(producer: Producer): Promise<void> {
    const order = this.#order
    order?.begin()
    const sampler = new FrameSampler(
      producer,
      order !== undefined,
      ({ timestamp, isKeyFrame }) => {
        if (this.#sampler !== sampler) return
        const nowMs = performance.now()
        if (isKeyFrame) this.#keyFrames.seen(timestamp, nowMs)
        order?.packet(timestamp, nowMs)
      },
    )
    this.#sampler = sampler
    return sampler.start()
  }

  detach(): void {
    this.#sampler = undefined
  }

  /** Its sender was started: what it sends is not what the last one sent. */
  senderStarted(): void {
    this.#order?.begin()
  }

  /** The leg went live. */
  begin(nowMs: number): void {
    this.#keyFrames.begin(nowMs)
  }

  /** To be called often while the leg is live. */
  tick(nowMs: number): void {
    this.#sampler?.tick(nowMs)
  }

  /** @param patienceMs how long the leg may send nothing at all */
  faults(nowMs: number, patienceMs: number): readonly Fault[] {
    const { origin, facts } = this.#options
    const keyFrames = this.#keyFrames.fault(nowMs, patienceMs)
    const video = origin === 'copied' ? facts()?.video : undefined
    return [
      ...(keyFrames ? [keyFrames] : []),
      ...(this.#order ? wildFaults(this.#order, origin, nowMs) : []),
      ...(video ? inputFault(video) : []),
    ]
  }
}
