import { randomBytes, randomInt } from 'node:crypto'
import type { Report } from '../../shared/catalogue.ts'
import { isSessionId, type SessionId, type StreamId } from '../../shared/ids.ts'
import type { Log } from '../../shared/log.ts'
import type { ViewerStream, ViewerTransport } from './stream-port.ts'
import { agreeOn, notLive } from './agreement.ts'
import { writeAnswer } from './answer.ts'
import type { Clock } from '../clock.ts'
import { endedProblem } from './ice-session.ts'
import type { Agreement } from './negotiation.ts'
import { openTransport, workerUnavailable } from './open-transport.ts'
import { type Problem } from '../http/problem.ts'
import { whepProblem } from './problems.ts'
import { Session, type EndReason } from './session.ts'
import { Slots, type Caps, type Slot } from './slots.ts'

/** Time the worker has to give a usable endpoint, milliseconds. */
export const SETUP_TIMEOUT_MS = 5_000

/** Ended sessions that are remembered, so that a PATCH is told why. */
const MAX_REMEMBERED = 1_000

export interface SessionsOptions {
  readonly caps: Caps
  readonly iceTimeoutMs: number
  readonly setupTimeoutMs?: number
  readonly clock: Clock
  readonly report: Report
  readonly log: Log
  /** Called when a viewer came or went: time for a snapshot. */
  readonly onChange?: () => void
}

/** Who asks for a session. */
export interface Visitor {
  readonly userAgent: string
  /** Aborted when the client hangs up. */
  readonly signal: AbortSignal
}

/** A new session and the answer to its offer. */
export interface Opened {
  readonly session: Session
  readonly answer: string
}

/** All viewers of this process. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #slots: Slots
  readonly #live = new Map<SessionId, Session>()
  readonly #ended = new Map<SessionId, Ended>()
  readonly #opening = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#slots = new Slots(options.caps)
  }

  /**
   * Answers an offer. Everything that it took is given back where it throws.
   * @throws {Problem} any of the errors of POST
   */
  async open(
    stream: ViewerStream,
    offer: string,
    visitor: Visitor,
  ): Promise<Opened> {
    if (this.#isClosing()) throw shuttingDown()
    const { report } = this.#options
    const agreement = agreeOn(stream, offer, report)
    const slot = this.#take(stream.id)
    const opening = this.#openIn(slot, stream, agreement, visitor)
    this.#opening.add(opening)
    try {
      return await opening
    } catch (error) {
      slot.release()
      throw this.#isClosing() ? shuttingDown() : error
    } finally {
      this.#opening.delete(opening)
    }
  }

  /**
   * The session `id` of stream `streamId`. The same id under another stream
   * is none.
   * @throws {Problem} `session-unknown`, or why it has ended
   */
  get(streamId: string, id: string): Session {
    const session = isSessionId(id) ? this.#live.get(id) : undefined
    if (session?.streamId === streamId) return session
    const ended = isSessionId(id) ? this.#ended.get(id) : undefined
    if (ended?.streamId === streamId) throw endedProblem(ended.why)
    throw whepProblem('session-unknown', 'The stream has no session of this id')
  }

  /** Ends one for `why`; false where there is no such session. */
  end(streamId: string, id: string, why: EndReason): boolean {
    const session = isSessionId(id) ? this.#live.get(id) : undefined
    if (session?.streamId !== streamId) return false
    session.end(why)
    return true
  }

  /** Ends all of a stream. */
  endStream(streamId: StreamId, why: EndReason): void {
    for (const session of this.of(streamId)) session.end(why)
  }

  /** The sessions of a stream that have not ended. */
  of(streamId: string): readonly Session[] {
    return [...this.#live.values()].filter(
      session => session.streamId === streamId,
    )
  }

  /** Sessions that have not ended, by stream; streams without are left out. */
  countByStream(): ReadonlyMap<StreamId, number> {
    const counts = new Map<StreamId, number>()
    for (const { streamId } of this.#live.values()) {
      counts.set(streamId, (counts.get(streamId) ?? 0) + 1)
    }
    return counts
  }

  /** Places taken under the caps: sessions, and those being opened. */
  get slotsTaken(): number {
    return this.#slots.taken
  }

  /** Ends all of them; POSTs under way and later ones are refused. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const session of [...this.#live.values()]) session.end('shutdown')
    await Promise.allSettled([...this.#opening])
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  #take(streamId: StreamId): Slot {
    const slot = this.#slots.take(streamId)
    if ('release' in slot) return slot
    const { scope, limit } = slot
    this.#options.report({
      family: 'dragonfork_webrtc_cap_rejections_total',
      labels: { stream_id: streamId, scope },
    })
    throw whepProblem(
      'cap-reached',
      scope === 'global'
        ? `The server admits ${limit} viewers and has them`
        : `The stream admits ${limit} viewers and has them`,
      { headers: { 'Retry-After': '5' }, members: { scope, limit } },
    )
  }

  async #openIn(
    slot: Slot,
    stream: ViewerStream,
    agreement: Agreement,
    visitor: Visitor,
  ): Promise<Opened> {
    const transport = await openTransport(stream, agreement.request, {
      gone: AbortSignal.any([visitor.signal, this.#closing.signal]),
      timeoutMs: this.#options.setupTimeoutMs ?? SETUP_TIMEOUT_MS,
      clock: this.#options.clock,
      report: this.#options.report,
    })
    try {
      refuseDead(transport)
      return this.#begin(slot, stream, agreement, transport, visitor)
    } catch (error) {
      transport.close()
      throw error
    }
  }

  #begin(
    slot: Slot,
    stream: ViewerStream,
    agreement: Agreement,
    transport: ViewerTransport,
    { userAgent }: Visitor,
  ): Opened {
    const { clock, report, iceTimeoutMs } = this.#options
    const answer = writeAnswer(agreement, transport, {
      session: String(randomInt(1, 2 ** 47)),
      stream: `dragonfork-${randomBytes(6).toString('hex')}`,
    })
    const session = new Session({
      id: newSessionId(),
      streamId: stream.id,
      agreement,
      transport,
      userAgent: userAgent.slice(0, 256),
      iceTimeoutMs,
      clock,
      report,
      onEnd: (ended, why) => {
        slot.release()
        this.#forget(ended, why)
      },
    })
    this.#live.set(session.id, session)
    this.#options.onChange?.()
    return { session, answer }
  }

  #forget(session: Session, why: EndReason): void {
    const { id, streamId } = session
    this.#live.delete(id)
    this.#ended.set(id, { streamId, why })
    const [oldest] = this.#ended.keys()
    if (this.#ended.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#ended.delete(oldest)
    }
    this.#options.log.info('viewer ended', { streamId, why })
    this.#options.onChange?.()
  }
}

interface Ended {
  readonly streamId: StreamId
  readonly why: EndReason
}

/** 192 random bits: the URL of a session is a capability (draft, 6). */
function newSessionId(): SessionId {
  const id = randomBytes(24).toString('base64url')
  if (!isSessionId(id)) throw new Error('Cannot make a session id')
  return id
}

/** It may have died between being made and being handed over. */
function refuseDead({ state }: ViewerTransport): void {
  if (state === 'stream-ended') throw notLive()
  if (state === 'worker-died') throw workerUnavailable()
}

function shuttingDown(): Problem {
  return whepProblem('shutting-down', 'New viewers are not admitted any more', {
    headers: { 'Retry-After': '5' },
  })
}
