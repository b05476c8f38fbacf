import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import {
  isSessionId,
  type SessionId,
  type StreamId,
} from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Problem } from '../http/problem.ts'
import type { Admission } from './admission.ts'
import { writeAnswer } from './answer.ts'
import type { ClientKind } from './client-kind.ts'
import { negotiate, type Negotiated } from './negotiation.ts'
import { readOffer } from './offer.ts'
import {
  endedProblem,
  mismatchProblem,
  notLiveProblem,
  rethrowSdpError,
  shutdownProblem,
  whepProblem,
  workerProblem,
} from './problems.ts'
import { Session, type EndReason } from './session.ts'
import type { Slot } from './slots.ts'
import type { ViewerStream, ViewerTransport } from './stream-port.ts'
import { requestTransport } from './worker-requests.ts'

/** Maximum number of ended sessions whose reason a PATCH can report. */
const MAX_REMEMBERED = 1_000

export interface SessionsOptions {
  readonly admission: Admission
  readonly iceTimeoutMs: number
  readonly clock: Clock
  readonly log: Log
  /** Called when a session was added or removed. */
  readonly onChange: () => void
}

/** The client of a POST. */
export interface Client {
  readonly userAgent: string
  /** Aborted if the client disconnects before it has the answer. */
  readonly signal: AbortSignal
}

/** A new session and its answer. */
export interface OpenedSession {
  readonly session: Session
  readonly answer: string
}

/** The sessions of each kind; a client finds only those of its own kind. */
export type SessionsByKind = Readonly<Record<ClientKind, Sessions>>

interface EndedSession {
  readonly streamId: StreamId
  readonly why: EndReason
}

/** All sessions of clients of one kind. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #live = new Map<SessionId, Session>()
  readonly #ended = new Map<SessionId, EndedSession>()
  readonly #opening = new Set<Promise<unknown>>()
  /** Aborted with the problem that POSTs get. */
  #accepting = new AbortController()
  #isClosing = false
  #emptied: PromiseWithResolvers<void> | undefined

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /**
   * Opens a session for an offer. If it throws, everything is released.
   * @throws {Problem} any error of POST
   */
  async open(
    stream: ViewerStream,
    offer: string,
    client: Client,
  ): Promise<OpenedSession> {
    const accepting = this.#accepting.signal
    accepting.throwIfAborted()
    const negotiated = this.#negotiate(stream, offer)
    const slot = this.#options.admission.takeSlot(stream.id)
    const aborted = AbortSignal.any([client.signal, accepting])
    const opening = this.#openWith(slot, stream, negotiated, client, aborted)
    this.#opening.add(opening)
    try {
      return await opening
    } catch (error) {
      slot.release()
      accepting.throwIfAborted()
      throw error
    } finally {
      this.#opening.delete(opening)
    }
  }

  /**
   * The session `id` of stream `streamId`. The id of a session of another
   * stream is unknown.
   * @throws {Problem} `session-unknown`, or why the session has ended
   */
  get(streamId: string, id: string): Session {
    const session = this.#find(streamId, id)
    if (session !== undefined) return session
    const ended = isSessionId(id) ? this.#ended.get(id) : undefined
    if (ended?.streamId === streamId) throw endedProblem(ended.why)
    throw whepProblem('session-unknown', 'The stream has no such session')
  }

  /** Ends a session for `why`; false if there is no such session. */
  end(streamId: string, id: string, why: EndReason): boolean {
    const session = this.#find(streamId, id)
    session?.end(why)
    return session !== undefined
  }

  /** The sessions of a stream that have not ended. */
  of(streamId: string): readonly Session[] {
    return [...this.#live.values()].filter(
      session => session.streamId === streamId,
    )
  }

  /** Number of sessions per stream; streams without sessions are left out. */
  countByStream(): ReadonlyMap<StreamId, number> {
    const counts = new Map<StreamId, number>()
    for (const { streamId } of this.#live.values()) {
      counts.set(streamId, (counts.get(streamId) ?? 0) + 1)
    }
    return counts
  }

  /** Number of sessions. */
  get size(): number {
    return this.#live.size
  }

  /** Rejects pending and later POSTs with `why` until `accept`; sessions stay. */
  refuse(why: () => Problem): void {
    this.#accepting.abort(why())
  }

  /** Accepts POSTs again after `refuse`, but not in a shutdown. Idempotent. */
  accept(): void {
    if (this.#isClosing || !this.#accepting.signal.aborted) return
    this.#accepting = new AbortController()
  }

  /** Ends all sessions for `why`. */
  endAll(why: EndReason): void {
    for (const session of [...this.#live.values()]) session.end(why)
  }

  /** Resolves once there is no session. */
  async untilEmpty(): Promise<void> {
    if (this.#live.size === 0) return
    this.#emptied ??= Promise.withResolvers()
    await this.#emptied.promise
  }

  /** Rejects pending and later POSTs. Idempotent. */
  beginShutdown(): void {
    // Its problem replaces that of a drain.
    this.accept()
    this.refuse(shutdownProblem)
    this.#isClosing = true
  }

  /** Ends all sessions; pending and later POSTs are rejected. */
  async close(): Promise<void> {
    this.beginShutdown()
    this.endAll('shutdown')
    await Promise.allSettled([...this.#opening])
  }

  #find(streamId: string, id: string): Session | undefined {
    const session = isSessionId(id) ? this.#live.get(id) : undefined
    return session?.streamId === streamId ? session : undefined
  }

  /** @throws {Problem} `malformed-offer`, `stream-not-live`, `codec-mismatch` */
  #negotiate(stream: ViewerStream, offer: string): Negotiated {
    const result = rethrowSdpError('malformed-offer', () =>
      negotiate(readOffer(offer), stream.codecs),
    )
    const { admission } = this.#options
    if (!admission.canPlay(stream)) throw notLiveProblem(stream)
    if (result.at === 'negotiated') return result
    for (const kind of result.kinds) {
      admission.report({
        family: 'dragonfork_webrtc_codec_mismatches_total',
        labels: { stream_id: stream.id, kind },
      })
    }
    throw mismatchProblem(result, stream.codecs)
  }

  async #openWith(
    slot: Slot,
    stream: ViewerStream,
    negotiated: Negotiated,
    client: Client,
    aborted: AbortSignal,
  ): Promise<OpenedSession> {
    const kinds = negotiated.request.media.map(({ kind }) => kind)
    const { admission } = this.#options
    const hold = await admission.hold(stream, kinds, aborted)
    const claim: Slot = {
      release: () => {
        slot.release()
        hold?.release()
      },
    }
    try {
      return await this.#openHeld(claim, stream, negotiated, client, aborted)
    } catch (error) {
      hold?.release()
      throw error
    }
  }

  async #openHeld(
    slot: Slot,
    stream: ViewerStream,
    negotiated: Negotiated,
    client: Client,
    aborted: AbortSignal,
  ): Promise<OpenedSession> {
    const { clock, admission } = this.#options
    const transport = await requestTransport(stream, negotiated.request, {
      clock,
      aborted,
      onTimeout: () => {
        admission.report({
          family: 'dragonfork_webrtc_ice_failures_total',
          labels: { stream_id: stream.id, reason: 'timeout' },
        })
      },
    })
    try {
      // It may have died since it was created.
      if (transport.state === 'stream-ended') throw notLiveProblem(stream)
      if (transport.state === 'worker-died') throw workerProblem()
      const answer = writeAnswer(negotiated, transport, {
        session: String(randomInt(1, 2 ** 47)),
        stream: `dragonfork-${randomUUID()}`,
      })
      const session = this.#add(slot, stream, negotiated, transport, client)
      return { session, answer }
    } catch (error) {
      transport.close()
      throw error
    }
  }

  #add(
    slot: Slot,
    stream: ViewerStream,
    negotiated: Negotiated,
    transport: ViewerTransport,
    { userAgent }: Client,
  ): Session {
    const { clock, admission, iceTimeoutMs, onChange } = this.#options
    const session = new Session({
      id: newSessionId(),
      streamId: stream.id,
      negotiated,
      transport,
      userAgent: userAgent.slice(0, 256),
      iceTimeoutMs,
      maxSessionMs: admission.maxSessionMs,
      clock,
      report: admission.report,
      onEnd: (ended, why) => {
        slot.release()
        this.#remove(ended, why)
      },
    })
    this.#live.set(session.id, session)
    onChange()
    return session
  }

  #remove(session: Session, why: EndReason): void {
    const { id, streamId } = session
    this.#live.delete(id)
    this.#ended.set(id, { streamId, why })
    const [oldest] = this.#ended.keys()
    if (this.#ended.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#ended.delete(oldest)
    }
    if (this.#live.size === 0) {
      this.#emptied?.resolve()
      this.#emptied = undefined
    }
    const { admission, log, onChange } = this.#options
    log[admission.logLevel](`${admission.kind} ended`, { streamId, why })
    onChange()
  }
}

/** 192 random bits: the URL of a session is a capability (draft, 6). */
function newSessionId(): SessionId {
  return randomBytes(24).toString('base64url') as SessionId
}
