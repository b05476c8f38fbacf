import { readRtpHeader, rtpPayload } from '../../shared/protocol/rtp-packet.ts'
import type { PromisedMedia } from './answer.ts'
import { KEY_FRAME_FINDERS, type KeyFrameFinder } from './key-frames.ts'
import { PHASES, type Failure, type Kind, type Phase } from './outcome.ts'

interface Expected {
  readonly payloadType: number
  /** Undefined for audio. */
  readonly startsKeyFrame: KeyFrameFinder | undefined
}

/** The phases and packets of one playback. Pure, time is a parameter. */
export class Progress {
  readonly seconds: Partial<Record<Phase, number>> = {}
  readonly packets: Record<Kind, number> = { video: 0, audio: 0 }
  readonly #expected = new Map<Kind, Expected>()
  #lastMs: number

  constructor(nowMs: number) {
    this.#lastMs = nowMs
  }

  /**
   * Sets what has to arrive.
   * @throws {RangeError} if that is nothing, or video of an unknown codec
   */
  expect(promised: readonly PromisedMedia[]): void {
    for (const { kind, payloadType, codec } of promised) {
      const createFinder =
        kind === 'video' ? KEY_FRAME_FINDERS[codec] : undefined
      if (kind === 'video' && createFinder === undefined) {
        throw new RangeError(`Cannot play video: unknown codec ${codec}`)
      }
      const startsKeyFrame = createFinder?.()
      this.#expected.set(kind, { payloadType, startsKeyFrame })
    }
    if (this.#expected.size === 0) {
      throw new RangeError('Cannot play: the answer has no video and no audio')
    }
  }

  /** Records the end of `phase`, and of those before it that were skipped. */
  reach(phase: Phase, nowMs: number): void {
    for (const each of PHASES.slice(0, PHASES.indexOf(phase) + 1)) {
      if (this.seconds[each] !== undefined) continue
      this.seconds[each] = (nowMs - this.#lastMs) / 1000
      this.#lastMs = nowMs
    }
  }

  /** Records a packet; RTCP and retransmissions do not count. */
  receive(kind: Kind, packet: Buffer, nowMs: number): void {
    const expected = this.#expected.get(kind)
    const header = readRtpHeader(packet)
    if (!expected || header?.payloadType !== expected.payloadType) return
    this.packets[kind]++
    this.reach('first_rtp', nowMs)
    if (this.seconds.first_key_frame !== undefined) return
    if (expected.startsKeyFrame?.(rtpPayload(packet))) {
      this.reach('first_key_frame', nowMs)
    }
  }

  /** Whether video arrives and no key frame has. */
  get needsKeyFrame(): boolean {
    return this.packets.video > 0 && this.seconds.first_key_frame === undefined
  }

  /** What is missing; undefined: the stream plays. */
  get missing(): Failure | undefined {
    const { offer, ice, dtls, first_key_frame: keyFrame } = this.seconds
    if (offer === undefined) return 'unreachable'
    if (ice === undefined) return 'no_ice'
    if (dtls === undefined) return 'no_dtls'
    if (this.seconds.first_rtp === undefined) return 'no_rtp'
    const hasVideo = keyFrame !== undefined || !this.#expected.has('video')
    if (!hasVideo) return 'no_key_frame'
    const hasAudio = this.packets.audio > 0 || !this.#expected.has('audio')
    return hasAudio ? undefined : 'no_rtp'
  }
}
