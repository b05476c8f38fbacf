import type { Producer } from 'mediasoup/types'

/** A packet as the worker traces it. */
export interface TracedPacket {
  readonly timestamp: number
  readonly isKeyFrame: boolean
}

/** Each packet costs a message from the worker: so only some are traced. */
const WINDOW_MS = 2_000
const EVERY_MS = 8_000

/**
 * Traces packets of a video leg that goes straight into the worker: those of
 * key frames always, all others only for a while now and then.
 */
export class FrameSampler {
  readonly #producer: Producer
  readonly #samplesAll: boolean
  #isOpen = false
  /** When the window opened last. */
  #openedMs = -Infinity

  constructor(
    producer: Producer,
    samplesAll: boolean,
    onPacket: (packet: TracedPacket) => void,
  ) {
    this.#producer = producer
    this.#samplesAll = samplesAll
    producer.on('trace', ({ type, info }) => {
      const timestamp = timestampOf(info)
      if (timestamp === undefined) return
      onPacket({ timestamp, isKeyFrame: type === 'keyframe' })
    })
  }

  /** Traces key frames from now on. */
  start(): Promise<void> {
    return this.#producer.enableTraceEvent(['keyframe'])
  }

  /** Opens the window and closes it, as is due; to be called often. */
  tick(nowMs: number): void {
    if (!this.#samplesAll || this.#producer.closed) return
    const ageMs = nowMs - this.#openedMs
    if (this.#isOpen && ageMs >= WINDOW_MS) this.#set(false)
    else if (!this.#isOpen && ageMs >= EVERY_MS) {
      this.#openedMs = nowMs
      this.#set(true)
    }
  }

  #set(isOpen: boolean): void {
    this.#isOpen = isOpen
    this.#producer
      .enableTraceEvent(isOpen ? ['keyframe', 'rtp'] : ['keyframe'])
      // Its worker is gone, which its owner is told otherwise.
      .catch(() => undefined)
  }
}

/** mediasoup gives no type for it. */
function timestampOf(info: Readonly<Record<string, unknown>>) {
  const packet = info['rtpPacket']
  if (typeof packet !== 'object' || packet === null) return undefined
  const timestamp: unknown = Reflect.get(packet, 'timestamp')
  return typeof timestamp === 'number' ? timestamp : undefined
}
