import { randomUUID } from 'node:crypto'
import type { IceParameters } from 'mediasoup/types'
import type { Clock } from '../../shared/runtime/clock.ts'
import {
  candidatesForRestart,
  restartsIce,
  writeRestart,
  type Fragment,
} from './fragment.ts'
import type { Negotiated } from './negotiation.ts'
import type { IceCredentials } from './offer.ts'
import { endedProblem, rethrowSdpError, whepProblem } from './problems.ts'
import type { ViewerTransport } from './stream-port.ts'
import { requestIceRestart } from './worker-requests.ts'

/** Maximum number of PATCHes in the queue; players send about 30 a second. */
const MAX_QUEUED = 100

/** A strong entity-tag (RFC 9110, 8.8.3), with its quotes. */
export type EntityTag = `"${string}"`

/** Result of a PATCH. */
export type PatchOutcome =
  | { readonly at: 'accepted' }
  | {
      readonly at: 'restarted'
      readonly body: string
      readonly etag: EntityTag
    }

/** Checks If-Match against the current ETag; throws if it does not match. */
export type Precondition = (etag: EntityTag, restart: boolean) => void

/**
 * The ICE session of one viewer: its ETag, the viewer's credentials, and
 * restarts, one at a time.
 */
export class IceSession {
  readonly #negotiated: Negotiated
  readonly #transport: ViewerTransport
  readonly #clock: Clock
  #etag = createEntityTag()
  #remote: IceCredentials
  #lastPatch: Promise<void> = Promise.resolve()
  #queued = 0
  #ended: string | undefined

  constructor(
    negotiated: Negotiated,
    transport: ViewerTransport,
    clock: Clock,
  ) {
    this.#negotiated = negotiated
    this.#transport = transport
    this.#clock = clock
    this.#remote = negotiated.transport.ice
  }

  get etag(): EntityTag {
    return this.#etag
  }

  /** From here on every PATCH is rejected, queued ones too. */
  end(why: string): void {
    this.#ended = why
  }

  /**
   * Accepts candidates, or restarts ICE if the fragment has new credentials.
   * If a restart fails, the old ICE session and its ETag remain.
   * @throws {Problem}
   */
  async patch(
    fragment: Fragment,
    precondition: Precondition,
  ): Promise<PatchOutcome> {
    if (this.#queued >= MAX_QUEUED) {
      throw whepProblem(
        'too-many-patches',
        `${MAX_QUEUED} requests wait for an ICE restart`,
        { headers: { 'Retry-After': '1' } },
      )
    }
    this.#queued++
    // Queued, so that If-Match is compared with the ETag after the restart.
    const outcome = this.#lastPatch
      .then(() => this.#patch(fragment, precondition))
      .finally(() => this.#queued--)
    this.#lastPatch = outcome.then(
      () => undefined,
      () => undefined,
    )
    return outcome
  }

  async #patch(
    fragment: Fragment,
    precondition: Precondition,
  ): Promise<PatchOutcome> {
    this.#throwIfEnded()
    const restart = rethrowSdpError('malformed-fragment', () =>
      restartsIce(fragment, this.#remote),
    )
    precondition(this.#etag, restart)
    if (!restart) return { at: 'accepted' }
    const ice = await requestIceRestart(this.#transport, this.#clock).finally(
      () => {
        // If the session has ended meanwhile, answer that, also for a failure.
        this.#throwIfEnded()
      },
    )
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

  #write(fragment: Fragment, ice: IceParameters): string {
    const { section, media } = this.#negotiated.tagged
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

  #throwIfEnded(): void {
    if (this.#ended !== undefined) throw endedProblem(this.#ended)
  }
}

/** A new entity-tag; each ICE session has its own. */
function createEntityTag(): EntityTag {
  // Node keeps random bytes for UUIDs, so this takes a fifth of the time of
  // `randomBytes`, which every POST would wait for.
  return `"${randomUUID()}"`
}

const LISTED_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g

/**
 * Whether the If-Match header `ifMatch` matches `current`, by strong
 * comparison (RFC 9110, 13.1.1). The draft's example quotes the asterisk, so
 * `"*"` matches any tag too.
 */
export function matches(ifMatch: string, current: EntityTag): boolean {
  if (ifMatch.trim() === '*') return true
  const tags: readonly string[] = ifMatch.match(LISTED_TAG) ?? []
  return tags.includes('"*"') || tags.includes(current)
}
