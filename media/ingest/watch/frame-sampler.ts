import type { Producer } from 'mediasoup/types'

/** A packet from mediasoup's trace event. */
export interface TracedPacket {
  readonly timestamp: number
  readonly isKeyFrame: boolean
}

/** Each traced packet costs a message from the worker, so only a sample is. */
const WINDOW_MS = 2_000
const EVERY_MS = 8_000

/**
 * Traces packets of a video leg that bypasses this process: key frames always,
 * all packets only during a short window every few seconds.
 */
export class FrameSampler {
  readonly #producer: Producer
  readonly #samplesAll: boolean
  #isOpen = false
  /** When the last window opened. */
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

  /** Starts to trace key frames. */
  start(): Promise<void> {
    return this.#producer.enableTraceEvent(['keyframe'])
  }

  /** Opens and closes the window when due; call it several times a second. */
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
      // The worker died; the owner of the leg learns of that elsewhere.
      .catch(() => undefined)
  }
}

/** mediasoup's types leave `info` open. */
function timestampOf(info: Readonly<Record<string, unknown>>) {
  const packet = info['rtpPacket']
  if (typeof packet !== 'object' || packet === null) return undefined
  const timestamp: unknown = Reflect.get(packet, 'timestamp')
  return typeof timestamp === 'number' ? timestamp : undefined
}
