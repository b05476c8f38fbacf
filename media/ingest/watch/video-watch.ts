import type { Producer } from 'mediasoup/types'

import type { Fault } from '../fault.ts'
import type { LegOrigin } from '../leg-origin.ts'
import { codecParameters, type LegPlan } from '../leg-plan.ts'
import type { InputFacts } from '../run/input-facts.ts'
import { FrameOrder } from './frame-order.ts'
import { FrameSampler } from './frame-sampler.ts'
import { KeyFrameWatch } from './key-frame-watch.ts'
import { inputFaults, timestampFaults } from './picture-faults.ts'

export interface VideoWatchOptions {
  readonly plan: LegPlan
  readonly origin: LegOrigin
  /** Without a key frame for this long, new viewers see nothing. */
  readonly keyFrameTimeoutMs: number
  readonly facts: () => InputFacts | undefined
}

/** Whether browsers can play a video leg. */
export class VideoWatch {
  readonly #options: VideoWatchOptions
  readonly #keyFrames: KeyFrameWatch
  /**
   * Copied video only: our encoder makes no such faults, and LegTraffic sees
   * all packets of external senders.
   */
  readonly #order: FrameOrder | undefined
  #sampler: FrameSampler | undefined

  constructor(options: VideoWatchOptions) {
    const { plan, origin, keyFrameTimeoutMs } = options
    const { clockRate } = codecParameters(plan.codec, plan.payloadType)
    this.#options = options
    this.#keyFrames = new KeyFrameWatch({
      missingMs: keyFrameTimeoutMs,
      checksSpacing: origin !== 'encoded',
      hint: plan.codec === 'h264' ? ' (is the SPS sent in the stream?)' : '',
      advice:
        'let the source send one per second' +
        (origin === 'copied' ? ', or use h264 in place of copy' : ''),
    })
    this.#order =
      origin === 'copied'
        ? new FrameOrder({ clockRate, minJumps: 1 })
        : undefined
  }

  /** Watches this producer from now on, in place of an earlier one. */
  attach(producer: Producer): Promise<void> {
    const order = this.#order
    order?.begin()
    const sampler = new FrameSampler(
      producer,
      order !== undefined,
      ({ timestamp, isKeyFrame }) => {
        if (this.#sampler !== sampler) return
        const nowMs = performance.now()
        if (isKeyFrame) this.#keyFrames.observe(timestamp, nowMs)
        order?.observe(timestamp, nowMs)
      },
    )
    this.#sampler = sampler
    return sampler.start()
  }

  detach(): void {
    this.#sampler = undefined
  }

  /** A new sender: its timestamps are unrelated to the last one's. */
  senderStarted(): void {
    this.#order?.begin()
  }

  /** The leg went live. */
  begin(nowMs: number): void {
    this.#keyFrames.begin(nowMs)
  }

  /** Call it several times a second while the leg is live. */
  tick(nowMs: number): void {
    this.#sampler?.tick(nowMs)
  }

  /** @param silenceTimeoutMs how long the leg may send nothing at all */
  faults(nowMs: number, silenceTimeoutMs: number): readonly Fault[] {
    const { origin, facts } = this.#options
    const keyFrames = this.#keyFrames.fault(nowMs, silenceTimeoutMs)
    const video = origin === 'copied' ? facts()?.video : undefined
    return [
      ...(keyFrames ? [keyFrames] : []),
      ...(this.#order ? timestampFaults(this.#order, origin, nowMs) : []),
      ...(video ? inputFaults(video) : []),
    ]
  }
}
