import type { Report } from '../../shared/catalogue.ts'
import type { SessionId, StreamId } from '../../shared/ids.ts'
import type { ViewerState, ViewerTransport } from './stream-port.ts'
import type { Clock, Cancel } from '../clock.ts'
import {
  IceSession,
  type PatchOutcome,
  type Precondition,
} from './ice-session.ts'
import type { Fragment } from './fragment.ts'
import type { Agreement } from './negotiation.ts'

/** Why a session ended; it ends once, for one reason. */
export type EndReason =
  /** The viewer sent DELETE. */
  | 'deleted'
  /** The viewer closed DTLS. */
  | 'left'
  /** The viewer hung up before it had the whole answer. */
  | 'abandoned'
  /** Never connected within the deadline: no STUN came. */
  | 'ice-timeout'
  /** DTLS failed, or was not up at the deadline although ICE was. */
  | 'ice-failed'
  /** Was connected, then lost for longer than the grace period. */
  | 'ice-disconnected'
  | 'worker-died'
  | 'kicked'
  | 'stream-ended'
  | 'shutdown'

/** The reasons that are failures of ICE, as ice_failures_total names them. */
const ICE_FAILURES = {
  'ice-timeout': 'timeout',
  'ice-failed': 'failed',
  'ice-disconnected': 'disconnected',
  'worker-died': 'failed',
} as const satisfies Partial<Record<EndReason, string>>

/** Where a session stands. Each state owns its timer. */
export type SessionState =
  /** The answer was made; media is not flowing yet. */
  | { readonly at: 'offered'; readonly cancel: Cancel }
  | { readonly at: 'connected' }
  /** ICE was lost after it had been up; it may come back until `grace`. */
  | { readonly at: 'disconnected'; readonly cancel: Cancel }
  | { readonly at: 'ended'; readonly why: EndReason }

/** Time a lost viewer has to come back, milliseconds. */
export const GRACE_MS = 5_000

/** What a session needs; it owns `transport` from here on. */
export interface SessionOptions {
  readonly id: SessionId
  readonly streamId: StreamId
  readonly agreement: Agreement
  readonly transport: ViewerTransport
  readonly userAgent: string
  readonly iceTimeoutMs: number
  readonly clock: Clock
  readonly report: Report
  /** Called once, when it has ended and everything is given back. */
  readonly onEnd: (session: Session, why: EndReason) => void
}

/** One viewer, from its answer to its end. */
export class Session {
  readonly id: SessionId
  readonly streamId: StreamId
  readonly userAgent: string
  readonly createdAtMs: number
  readonly ice: IceSession
  readonly #options: SessionOptions
  readonly #startedMs: number
  #connectedAtMs: number | undefined
  #state: SessionState

  constructor(options: SessionOptions) {
    const { clock, transport } = options
    this.id = options.id
    this.streamId = options.streamId
    this.userAgent = options.userAgent
    this.createdAtMs = clock.epochMs()
    this.ice = new IceSession(options.agreement, transport, clock)
    this.#options = options
    this.#startedMs = clock.steadyMs()
    this.#state = {
      at: 'offered',
      cancel: clock.after(options.iceTimeoutMs, () => {
        this.#onDeadline()
      }),
    }
    transport.onState(state => {
      this.#onTransport(state)
    })
    // It may have changed before anybody listened.
    this.#onTransport(transport.state)
  }

  get state(): SessionState {
    return this.#state
  }

  /** Unix milliseconds; undefined until it first connected. */
  get connectedAtMs(): number | undefined {
    return this.#connectedAtMs
  }

  get remoteAddress(): string | undefined {
    return this.#options.transport.remoteAddress
  }

  /** Names of the codecs it gets, by kind. */
  get codecs(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.#options.transport.sent.map(({ kind, rtpParameters }) => {
        const mimeType = rtpParameters.codecs[0]?.mimeType ?? ''
        return [kind, mimeType.split('/')[1]?.toLowerCase() ?? '']
      }),
    )
  }

  /**
   * Takes a PATCH: candidates or a restart.
   * @throws {Problem} `session-ended` when it ended meanwhile, others by ICE
   */
  async patch(
    fragment: Fragment,
    precondition: Precondition,
  ): Promise<PatchOutcome> {
    const outcome = await this.ice.patch(fragment, precondition)
    // A restart is a sign of life: its checks get the whole grace period.
    if (outcome.at === 'restarted' && this.#state.at === 'disconnected') {
      this.#loseContact()
    }
    return outcome
  }

  /** Ends it for `why`, unless it has ended. Gives back everything. */
  end(why: EndReason): void {
    const state = this.#state
    if (state.at === 'ended') return
    this.#cancelTimer()
    this.#state = { at: 'ended', why }
    const { transport, report, onEnd, streamId } = this.#options
    transport.close()
    this.ice.end(why)
    const reason = isIceFailure(why) ? ICE_FAILURES[why] : undefined
    if (reason !== undefined) {
      if (state.at === 'offered') this.#reportEstablishment('failed')
      report({
        family: 'dragonfork_webrtc_ice_failures_total',
        labels: { stream_id: streamId, reason },
      })
    }
    onEnd(this, why)
  }

  #onTransport(state: ViewerState): void {
    switch (state) {
      case 'new':
      case 'checking':
        return
      case 'connected':
        this.#connect()
        return
      case 'disconnected':
        // Before it was connected, the deadline decides.
        if (this.#state.at === 'connected') this.#loseContact()
        return
      case 'dtls-failed':
        this.end('ice-failed')
        return
      case 'dtls-closed':
        this.end('left')
        return
      case 'worker-died':
      case 'stream-ended':
        this.end(state)
        return
      default:
        state satisfies never
    }
  }

  #connect(): void {
    const from = this.#state.at
    if (from === 'ended' || from === 'connected') return
    this.#cancelTimer()
    this.#state = { at: 'connected' }
    if (from !== 'offered') return
    this.#connectedAtMs = this.#options.clock.epochMs()
    this.#reportEstablishment('connected')
  }

  #loseContact(): void {
    this.#cancelTimer()
    const cancel = this.#options.clock.after(GRACE_MS, () => {
      this.end('ice-disconnected')
    })
    this.#state = { at: 'disconnected', cancel }
  }

  #onDeadline(): void {
    const silent = this.#options.transport.state === 'new'
    this.end(silent ? 'ice-timeout' : 'ice-failed')
  }

  #cancelTimer(): void {
    if ('cancel' in this.#state) this.#state.cancel()
  }

  #reportEstablishment(result: 'connected' | 'failed'): void {
    const { report, clock, streamId } = this.#options
    report({
      family: 'dragonfork_webrtc_ice_establishment_duration_seconds',
      labels: { stream_id: streamId, result },
      value: (clock.steadyMs() - this.#startedMs) / 1000,
    })
  }
}

function isIceFailure(why: EndReason): why is keyof typeof ICE_FAILURES {
  return Object.hasOwn(ICE_FAILURES, why)
}
