/** How the sessions of viewers and those of probes differ. */
import type { Report } from '../../shared/protocol/catalogue.ts'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { ClientKind } from './client-kind.ts'
import { streamProblem, whepProblem } from './problems.ts'
import { Slots, type Slot } from './slots.ts'
import {
  StreamError,
  type Hold,
  type MediaKind,
  type ViewerStream,
} from './stream-port.ts'

/** The conditions under which clients of one kind have sessions. */
export interface Admission {
  readonly kind: ClientKind
  /** Receives the observations about sessions of this kind. */
  readonly report: Report
  /** How the end of a session is logged. */
  readonly logLevel: 'info' | 'debug'
  /** Time after which a session ends, milliseconds; undefined: none. */
  readonly maxSessionMs: number | undefined
  /** Whether the stream plays, or `hold` makes it play. */
  canPlay(stream: ViewerStream): boolean
  /**
   * Counts a new session. Synchronous, so that concurrent requests cannot
   * exceed the limit.
   * @throws {Problem} `cap-reached`, `too-many-probes`
   */
  takeSlot(streamId: StreamId): Slot
  /**
   * Waits for a stream that starts on demand, and keeps it running.
   * @returns undefined if there is nothing to keep
   * @throws {Problem} `stream-not-live` with the reason
   */
  hold(
    stream: ViewerStream,
    kinds: readonly MediaKind[],
    signal: AbortSignal,
  ): Promise<Hold | undefined>
}

export interface ViewerAdmissionOptions {
  readonly slots: Pick<Slots, 'take'>
  readonly report: Report
}

/** Viewers: limited by the caps, start streams on demand, and are counted. */
export function viewerAdmission({
  slots,
  report,
}: ViewerAdmissionOptions): Admission {
  return {
    kind: 'viewer',
    report,
    logLevel: 'info',
    maxSessionMs: undefined,
    canPlay: ({ live, demand }) => live || demand !== undefined,
    takeSlot: streamId => {
      const slot = slots.take(streamId)
      if ('release' in slot) return slot
      const { scope, limit } = slot
      report({
        family: 'dragonfork_webrtc_cap_rejections_total',
        labels: { stream_id: streamId, scope },
      })
      throw whepProblem(
        'cap-reached',
        scope === 'global'
          ? `The viewer limit of the server is reached (${limit})`
          : `The viewer limit of the stream is reached (${limit})`,
        { headers: { 'Retry-After': '5' }, members: { scope, limit } },
      )
    },
    hold: async (stream, kinds, signal) => {
      try {
        return await stream.demand?.hold(kinds, signal)
      } catch (error) {
        if (!(error instanceof StreamError)) throw error
        throw streamProblem(error, stream)
      }
    },
  }
}

/** Maximum number of probes, open or being opened. */
const MAX_PROBES = 2
/** Maximum lifetime of a probe's session, milliseconds. */
const MAX_PROBE_MS = 20_000

/**
 * Probes: few and short, outside the caps. They move no metric, and neither
 * start a stream on demand nor keep it running.
 */
export function probeAdmission(): Admission {
  const slots = new Slots({ total: MAX_PROBES, perStream: 0 })
  return {
    kind: 'probe',
    report: () => undefined,
    // Each stream has one a minute.
    logLevel: 'debug',
    maxSessionMs: MAX_PROBE_MS,
    canPlay: ({ live, demand }) => live && demand?.asleep !== true,
    takeSlot: streamId => {
      const slot = slots.take(streamId)
      if ('release' in slot) return slot
      throw whepProblem(
        'too-many-probes',
        `${MAX_PROBES} probes are running already`,
        { headers: { 'Retry-After': '5' } },
      )
    },
    hold: () => Promise.resolve(undefined),
  }
}
