import type { Report } from '../../shared/protocol/catalogue.ts'
import type { SessionId, StreamId } from '../../shared/protocol/ids.ts'
import type { Clock, Cancel } from '../../shared/runtime/clock.ts'
import type { Fragment } from './fragment.ts'
import {
  IceSession,
  type PatchOutcome,
  type Precondition,
} from './ice-session.ts'
import type { Negotiated } from './negotiation.ts'
import type { ViewerState, ViewerTransport } from './stream-port.ts'

/** Why a session ended. It ends once, for one reason. */
export type EndReason =
  /** The viewer sent DELETE. */
  | 'deleted'
  /** The viewer closed DTLS. */
  | 'left'
  /** The client disconnected before it had the whole answer. */
  | 'abandoned'
  /** Not connected in time: no STUN request arrived. */
  | 'ice-timeout'
  /** DTLS failed, or was not connected in time although ICE was up. */
  | 'ice-failed'
  /** Was connected, then disconnected for longer than the timeout. */
  | 'ice-disconnected'
  | 'worker-died'
  /** Reached its maximum lifetime; only probes have one. */
  | 'expired'
  | 'kicked'
  | 'stream-ended'
  | 'shutdown'

/** The reasons that are ICE failures, as ice_failures_total names them. */
const ICE_FAILURES = {
  'ice-timeout': 'timeout',
  'ice-failed': 'failed',
  'ice-disconnected': 'disconnected',
  'worker-died': 'failed',
} as const satisfies Partial<Record<EndReason, string>>

/** The state of a session. Each state owns its timer. */
export type SessionState =
  /** The answer is written; media does not flow yet. */
  | { readonly at: 'offered'; readonly cancel: Cancel }
  | { readonly at: 'connected' }
  /** ICE consent expired; the viewer may reconnect until the timeout. */
  | { readonly at: 'disconnected'; readonly cancel: Cancel }
  | { readonly at: 'ended'; readonly why: EndReason }

/** Time for a disconnected viewer to reconnect, milliseconds. */
const DISCONNECT_TIMEOUT_MS = 5_000

/** Options of a session, which owns `transport` from here on. */
export interface SessionOptions {
  readonly id: SessionId
  readonly streamId: StreamId
  readonly negotiated: Negotiated
  readonly transport: ViewerTransport
  readonly userAgent: string
  readonly iceTimeoutMs: number
  /** Maximum lifetime; undefined: none. */
  readonly maxSessionMs: number | undefined
  readonly clock: Clock
  readonly report: Report
  /** Called once, when the session has ended and released everything. */
  readonly onEnd: (session: Session, why: EndReason) => void
}

/** One viewer or probe, from the answer to the end. */
export class Session {
  readonly id: SessionId
  readonly streamId: StreamId
  readonly userAgent: string
  readonly createdAtMs: number
  readonly ice: IceSession
  readonly #options: SessionOptions
  readonly #startedMs: number
  readonly #cancelExpiry: Cancel | undefined
  #connectedAtMs: number | undefined
  #state: SessionState

  constructor(options: SessionOptions) {
    const { clock, transport, maxSessionMs } = options
    this.id = options.id
    this.streamId = options.streamId
    this.userAgent = options.userAgent
    this.createdAtMs = clock.epochMs()
    this.ice = new IceSession(options.negotiated, transport, clock)
    this.#options = options
    this.#startedMs = clock.steadyMs()
    this.#cancelExpiry =
      maxSessionMs === undefined
        ? undefined
        : clock.after(maxSessionMs, () => {
            this.end('expired')
          })
    this.#state = {
      at: 'offered',
      cancel: clock.after(options.iceTimeoutMs, () => {
        this.#onIceTimeout()
      }),
    }
    transport.onState(state => {
      this.#onTransportState(state)
    })
    // The state may have changed before the listener was set.
    this.#onTransportState(transport.state)
  }

  get state(): SessionState {
    return this.#state
  }

  /** Unix milliseconds; undefined before the first connection. */
  get connectedAtMs(): number | undefined {
    return this.#connectedAtMs
  }

  get remoteAddress(): string | undefined {
    return this.#options.transport.remoteAddress
  }

  /** Names of the codecs that are sent, by kind. */
  get codecs(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.#options.transport.sent.map(({ kind, rtpParameters }) => {
        const mimeType = rtpParameters.codecs[0]?.mimeType ?? ''
        return [kind, mimeType.split('/')[1]?.toLowerCase() ?? '']
      }),
    )
  }

  /**
   * Handles a PATCH: candidates or an ICE restart.
   * @throws {Problem} `session-ended` if it ended meanwhile, others by ICE
   */
  async patch(
    fragment: Fragment,
    precondition: Precondition,
  ): Promise<PatchOutcome> {
    const outcome = await this.ice.patch(fragment, precondition)
    // A restart shows that the viewer is alive: its checks get a new timeout.
    if (outcome.at === 'restarted' && this.#state.at === 'disconnected') {
      this.#onDisconnected()
    }
    return outcome
  }

  /** Ends the session for `why` and releases everything. Idempotent. */
  end(why: EndReason): void {
    const state = this.#state
    if (state.at === 'ended') return
    this.#cancelTimer()
    this.#cancelExpiry?.()
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

  #onTransportState(state: ViewerState): void {
    switch (state) {
      case 'new':
      case 'checking':
        return
      case 'connected':
        this.#onConnected()
        return
      case 'disconnected':
        // Before the first connection only the ICE timeout counts.
        if (this.#state.at === 'connected') this.#onDisconnected()
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

  #onConnected(): void {
    const from = this.#state.at
    if (from === 'ended' || from === 'connected') return
    this.#cancelTimer()
    this.#state = { at: 'connected' }
    if (from !== 'offered') return
    this.#connectedAtMs = this.#options.clock.epochMs()
    this.#reportEstablishment('connected')
  }

  #onDisconnected(): void {
    this.#cancelTimer()
    const cancel = this.#options.clock.after(DISCONNECT_TIMEOUT_MS, () => {
      this.end('ice-disconnected')
    })
    this.#state = { at: 'disconnected', cancel }
  }

  #onIceTimeout(): void {
    const noStun = this.#options.transport.state === 'new'
    this.end(noStun ? 'ice-timeout' : 'ice-failed')
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
