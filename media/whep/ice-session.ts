import type { IceParameters } from 'mediasoup/types'
import { StreamError, type ViewerTransport } from './stream-port.ts'
import type { Clock } from '../clock.ts'
import { withinDeadline } from './deadline.ts'
import { createEntityTag, type EntityTag } from './entity-tag.ts'
import {
  candidatesForRestart,
  restartsIce,
  writeRestart,
  type Fragment,
} from './fragment.ts'
import type { Agreement } from './negotiation.ts'
import type { IceCredentials } from './offer.ts'
import { type Problem } from '../http/problem.ts'
import { whepProblem } from './problems.ts'
import { SdpError } from './sdp-text.ts'

/** Time the worker has to restart ICE, milliseconds. */
const RESTART_TIMEOUT_MS = 5_000

/** Most PATCHes that wait for a restart; players send some 30 a second. */
const MAX_WAITING = 100

/** What a PATCH led to. */
export type PatchOutcome =
  | { readonly at: 'taken' }
  | {
      readonly at: 'restarted'
      readonly body: string
      readonly etag: EntityTag
    }

/** Checks If-Match against the current tag; throws where it does not hold. */
export type Precondition = (etag: EntityTag, restart: boolean) => void

/**
 * The ICE session of one viewer: its entity-tag, the viewer's credentials,
 * and restarts, of which there is one at a time.
 */
export class IceSession {
  readonly #agreement: Agreement
  readonly #transport: ViewerTransport
  readonly #clock: Clock
  #etag = createEntityTag()
  #remote: IceCredentials
  #restarting: Promise<void> = Promise.resolve()
  #waiting = 0
  #ended: string | undefined

  constructor(agreement: Agreement, transport: ViewerTransport, clock: Clock) {
    this.#agreement = agreement
    this.#transport = transport
    this.#clock = clock
    this.#remote = agreement.transport.ice
  }

  get etag(): EntityTag {
    return this.#etag
  }

  /** From here on every PATCH is refused, also one that is waiting. */
  end(why: string): void {
    this.#ended = why
  }

  /**
   * Takes candidates, or restarts ICE where the fragment has new credentials.
   * A restart that fails leaves the old ICE session and its tag in place.
   * @throws {Problem}
   */
  async patch(
    fragment: Fragment,
    precondition: Precondition,
  ): Promise<PatchOutcome> {
    if (this.#waiting >= MAX_WAITING) {
      throw whepProblem('too-many-patches', 'Others wait for an ICE restart', {
        headers: { 'Retry-After': '1' },
      })
    }
    this.#waiting++
    // Waits in line, so that If-Match is held against what is then current.
    const turn = this.#restarting
      .then(() => this.#patchInTurn(fragment, precondition))
      .finally(() => this.#waiting--)
    this.#restarting = turn.then(
      () => undefined,
      () => undefined,
    )
    return turn
  }

  async #patchInTurn(
    fragment: Fragment,
    precondition: Precondition,
  ): Promise<PatchOutcome> {
    this.#refuseEnded()
    const restart = this.#isRestart(fragment)
    precondition(this.#etag, restart)
    if (!restart) return { at: 'taken' }
    const ice = await this.#restart()
    this.#refuseEnded()
    this.#remote = {
      ufrag: fragment.ufrag ?? this.#remote.ufrag,
      pwd: fragment.pwd ?? this.#remote.pwd,
    }
    this.#etag = createEntityTag()
    return {
      at: 'restarted',
      body: this.#write(fragment, ice),
      etag: this.#etag,
    }
  }

  #isRestart(fragment: Fragment): boolean {
    try {
      return restartsIce(fragment, this.#remote)
    } catch (error) {
      if (!(error instanceof SdpError)) throw error
      throw whepProblem('malformed-fragment', error.message, { cause: error })
    }
  }

  async #restart(): Promise<IceParameters> {
    try {
      return await withinDeadline(
        signal => this.#transport.restartIce(signal),
        {
          clock: this.#clock,
          timeoutMs: RESTART_TIMEOUT_MS,
          // The worker answers to the old and the new credentials then.
          discard: () => undefined,
        },
      )
    } catch (cause) {
      this.#refuseEnded()
      const late = cause instanceof StreamError && cause.code === 'deadline'
      throw whepProblem(
        late ? 'worker-timeout' : 'worker-unavailable',
        'ICE was not restarted; the session goes on as it was',
        { cause, headers: { 'Retry-After': '2' } },
      )
    }
  }

  #write(fragment: Fragment, ice: IceParameters): string {
    const { section, media } = this.#agreement.tagged
    return writeRestart({
      ice,
      candidates: candidatesForRestart(
        this.#transport.iceCandidates,
        fragment,
        this.#transport.remoteAddress,
      ),
      type: section.type,
      mid: section.mid,
      payloadType: media.codec.payloadType,
    })
  }

  #refuseEnded(): void {
    if (this.#ended !== undefined) throw endedProblem(this.#ended)
  }
}

/** The answer to a PATCH on a session that has ended for `why`. */
export function endedProblem(why: string): Problem {
  if (why === 'ice-timeout') {
    return whepProblem(
      'ice-timeout',
      'The viewer was not connected before CORE_WEBRTC_ICE_TIMEOUT_MS passed',
    )
  }
  return whepProblem('session-ended', 'The session has ended', {
    members: { reason: why },
  })
}
