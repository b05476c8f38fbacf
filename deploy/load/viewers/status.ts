import type { Kind } from '../../../exporter/probe/outcome.ts'
import type { Count, Gap } from './playback.ts'

/** A viewer to open. */
export interface Seat {
  /** Counted from 1. */
  readonly viewer: number
  readonly stream: string
  /** URL that the offer is POSTed to. */
  readonly endpoint: string
}

/** What a viewer knows of itself. Times are in seconds. */
export interface ViewerStatus {
  readonly viewer: number
  readonly stream: string
  /** Since the POST. */
  readonly age: number
  /** HTTP status of the response to POST; 0: none yet, or there was none. */
  readonly posted: number
  /** HTTP status of the response to DELETE; 0: none. */
  readonly deleted: number
  /** From the answer until ICE and DTLS are done. */
  readonly establishment?: number
  /** From the POST. */
  readonly firstPicture?: number
  readonly longestGap: Gap
  readonly counts: Readonly<Record<Kind, Count>>
  /** Why it was refused or ended, other than by this program. */
  readonly end?: string
}

/** Messages to a process of viewers. */
export type ToViewers =
  | { readonly kind: 'open'; readonly seats: readonly Seat[] }
  /** Deletes the sessions and exits. */
  | { readonly kind: 'leave' }

/** Messages from a process of viewers. */
export interface FromViewers {
  readonly statuses: readonly ViewerStatus[]
}

const MAX_FIRST_PICTURE_S = 10
const MAX_GAP_S = 2

/** Says why a viewer did not play all the time; undefined: it did. */
export function faultOf({
  age,
  posted,
  firstPicture,
  longestGap,
  end,
}: ViewerStatus): string | undefined {
  if (end !== undefined) return end
  if (posted === 0 && age <= MAX_FIRST_PICTURE_S) return undefined
  if ((firstPicture ?? age) > MAX_FIRST_PICTURE_S) {
    const when =
      firstPicture === undefined
        ? `none within ${age.toFixed(1)} s`
        : `first one after ${firstPicture.toFixed(1)} s`
    return `no picture within ${MAX_FIRST_PICTURE_S} s: ${when}`
  }
  const { seconds, startedAt } = longestGap
  if (seconds <= MAX_GAP_S) return undefined
  return `no video for ${seconds.toFixed(1)} s, ${startedAt.toFixed(0)} s after it joined`
}

/** Whether the viewer has a picture and no fault. */
export function plays(status: ViewerStatus): boolean {
  return status.firstPicture !== undefined && faultOf(status) === undefined
}
