import { reasonOf } from '../../../shared/runtime/errors.ts'
import { readAnswer } from '../../../exporter/probe/answer.ts'
import type { Kind } from '../../../exporter/probe/outcome.ts'
import { Peer } from '../../../exporter/probe/peer.ts'
import { readProblem } from '../../../exporter/probe/whep-session.ts'
import { readRtpHeader } from '../../../shared/protocol/rtp-packet.ts'
import { bearer, fetchText } from '../../verify/http.ts'
import { NO_GAP, NO_PACKETS, Playback } from './playback.ts'
import type { Seat, ViewerStatus } from './status.ts'

/** A viewer that counts what it receives. */
export class Viewer {
  readonly #seat: Seat
  readonly #headers: Readonly<Record<string, string>>
  readonly #peer: Peer
  readonly #payloadTypes = new Map<Kind, number>()
  #opening: Promise<void> | undefined
  #playback: Playback | undefined
  #openedMs = performance.now()
  #answeredMs = 0
  #posted = 0
  #deleted = 0
  #establishment: number | undefined
  #session: string | undefined
  #end: string | undefined
  #isLeaving = false

  constructor(seat: Seat, token: string | undefined) {
    this.#seat = seat
    this.#headers = bearer(token)
    this.#peer = new Peer({
      onIceConnected: () => undefined,
      onConnected: () => {
        this.#establishment ??= (performance.now() - this.#answeredMs) / 1000
      },
      onEnded: state => {
        if (!this.#isLeaving) this.#end ??= `the connection is ${state}`
      },
      onPacket: (kind, packet) => {
        this.#receive(kind, packet)
      },
    })
  }

  /** POSTs the offer and accepts the answer. Never rejects: see `status`. */
  open(): Promise<void> {
    this.#opening = this.#open()
    return this.#opening
  }

  async #open(): Promise<void> {
    try {
      const answer = await this.#post(await this.#peer.offer())
      if (answer !== undefined) this.#accept(answer)
    } catch (error) {
      this.#end ??= reasonOf(error)
    }
  }

  /** Deletes the session. Never rejects. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    // A session whose answer is on its way has to be deleted, too.
    await this.#opening
    const session = this.#session
    this.#session = undefined
    if (session !== undefined) {
      try {
        const headers = this.#headers
        const { status } = await fetchText(session, {
          method: 'DELETE',
          headers,
        })
        this.#deleted = status
      } catch {
        // The status of DELETE stays 0, which the report compares.
      }
    }
    this.#peer.close()
  }

  /** Its status, at `nowMs` of performance.now(). */
  status(nowMs: number): ViewerStatus {
    const playback = this.#playback
    const firstPicture = playback?.firstPictureS
    return {
      viewer: this.#seat.viewer,
      stream: this.#seat.stream,
      age: (nowMs - this.#openedMs) / 1000,
      posted: this.#posted,
      deleted: this.#deleted,
      ...(this.#establishment !== undefined && {
        establishment: this.#establishment,
      }),
      ...(firstPicture !== undefined && { firstPicture }),
      longestGap: playback?.longestGap(nowMs) ?? NO_GAP,
      counts: {
        video: playback?.count('video') ?? NO_PACKETS,
        audio: playback?.count('audio') ?? NO_PACKETS,
      },
      ...(this.#end !== undefined && { end: this.#end }),
    }
  }

  /** Returns the answer; undefined if the offer was refused. */
  async #post(body: string): Promise<string | undefined> {
    const { endpoint } = this.#seat
    const headers = { 'content-type': 'application/sdp', ...this.#headers }
    this.#openedMs = performance.now()
    const response = await fetchText(endpoint, {
      method: 'POST',
      headers,
      body,
    })
    const { status, location, text } = response
    this.#posted = status
    if (status === 201) {
      this.#session = new URL(location, endpoint).href
      return text
    }
    this.#end = `POST got ${status}: ${detailOf(text)}`
    return undefined
  }

  #accept(answer: string): void {
    for (const { kind, payloadType } of readAnswer(answer)) {
      this.#payloadTypes.set(kind, payloadType)
    }
    const watched = this.#payloadTypes.has('video') ? 'video' : 'audio'
    this.#playback = new Playback(watched, this.#openedMs)
    this.#answeredMs = performance.now()
    this.#peer.accept(answer)
  }

  #receive(kind: Kind, packet: Buffer): void {
    const header = readRtpHeader(packet)
    if (header === undefined || this.#isLeaving) return
    // mediasoup's probes of the bandwidth have another type.
    if (header.payloadType !== this.#payloadTypes.get(kind)) return
    this.#playback?.receive(kind, header.sequence, performance.now())
  }
}

/** The title of a problem, or the first line of another body. */
function detailOf(body: string): string {
  return readProblem(body).title ?? body.split('\n', 1)[0] ?? ''
}
