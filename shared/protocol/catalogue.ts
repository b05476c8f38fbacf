/**
 * The catalogue of the eleven metric families: the only place with their names,
 * help, types, labels, buckets, and label values that start at zero. The media
 * process derives the types of its observations from it, the exporter exposes
 * it, and tests check documents, rules and dashboards against it.
 *
 * The exporter adds the label `core` (CORE_ID) to every sample.
 */

/** Upper bounds of both histograms, seconds; `+Inf` is implied. */
export const DURATION_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

/** Label values for the counted routes; never a raw path. */
export const WHEP_ROUTES = {
  POST: 'POST /api/v3/whep/{id}',
  PATCH: 'PATCH /api/v3/whep/{id}/{r}',
  DELETE: 'DELETE /api/v3/whep/{id}/{r}',
} as const

const ROUTES = Object.values(WHEP_ROUTES)

/**
 * The values of the closed labels. `stream_id` and `code` are open: bounded by
 * the registered streams and the HTTP status codes.
 */
export const LABEL_VALUES = {
  route: ROUTES,
  result: ['connected', 'failed'],
  reason: ['timeout', 'disconnected', 'failed'],
  kind: ['video', 'audio'],
  scope: ['global', 'stream'],
  leg: ['video', 'audio'],
} as const

/** Every label name except `core`. */
export type LabelName = keyof typeof LABEL_VALUES | 'stream_id' | 'code'

/** One family of the catalogue. */
export interface Family {
  readonly type: 'counter' | 'histogram' | 'gauge'
  readonly help: string
  /** Label names except `core`, in the order they are exposed. */
  readonly labels: readonly LabelName[]
  readonly buckets?: readonly number[]
  /**
   * Whether all series of a registered stream start at 0, since `increase()`
   * does not see a counter that first appears at 1. Requires that all labels
   * except `stream_id` are closed.
   */
  readonly startsAtZero: boolean
}

/** The families, in the order they are exposed. */
export const CATALOGUE = {
  dragonfork_webrtc_whep_requests_total: {
    type: 'counter',
    help: 'Count of WHEP requests by route, status code and stream.',
    labels: ['route', 'code', 'stream_id'],
    startsAtZero: false,
  },
  dragonfork_webrtc_whep_request_duration_seconds: {
    type: 'histogram',
    help: 'Server-side WHEP request duration in seconds.',
    labels: ['route', 'stream_id'],
    buckets: DURATION_BUCKETS,
    startsAtZero: true,
  },
  dragonfork_webrtc_ice_establishment_duration_seconds: {
    type: 'histogram',
    help: 'Seconds from the answer being created to connected or to failure.',
    labels: ['stream_id', 'result'],
    buckets: DURATION_BUCKETS,
    startsAtZero: true,
  },
  dragonfork_webrtc_ice_failures_total: {
    type: 'counter',
    help: 'Count of ICE failures by stream and reason.',
    labels: ['stream_id', 'reason'],
    startsAtZero: true,
  },
  dragonfork_webrtc_codec_mismatches_total: {
    type: 'counter',
    help: 'Count of offers refused with 406 by stream and kind.',
    labels: ['stream_id', 'kind'],
    startsAtZero: true,
  },
  dragonfork_webrtc_cap_rejections_total: {
    type: 'counter',
    help: 'Count of viewers refused with 503 by stream and by the cap reached.',
    labels: ['stream_id', 'scope'],
    startsAtZero: true,
  },
  dragonfork_webrtc_ffmpeg_leg_failures_total: {
    type: 'counter',
    help: 'Count of failures of FFmpeg RTP legs, one per leg and episode.',
    labels: ['stream_id', 'leg'],
    startsAtZero: true,
  },
  dragonfork_webrtc_active_streams: {
    type: 'gauge',
    help: 'Streams running: processes with webrtc enabled that are running.',
    labels: [],
    startsAtZero: false,
  },
  dragonfork_webrtc_active_peers: {
    type: 'gauge',
    help: 'WHEP viewers subscribed, per stream.',
    labels: ['stream_id'],
    startsAtZero: false,
  },
  dragonfork_webrtc_udp_ports_in_use: {
    type: 'gauge',
    help: 'UDP ports taken from the pool.',
    labels: [],
    startsAtZero: false,
  },
  dragonfork_webrtc_udp_ports_available: {
    type: 'gauge',
    help: 'UDP ports of the pool that can still be taken.',
    labels: [],
    startsAtZero: false,
  },
} as const satisfies Record<string, Family>

type Catalogue = typeof CATALOGUE

/** Name of one of the eleven families. */
export type FamilyName = keyof Catalogue

type NameOf<Type extends Family['type']> = {
  [Name in FamilyName]: Catalogue[Name]['type'] extends Type ? Name : never
}[FamilyName]

export type CounterName = NameOf<'counter'>
export type HistogramName = NameOf<'histogram'>
export type GaugeName = NameOf<'gauge'>

/** A family that is reported by observations rather than by snapshots. */
export type ObservedName = CounterName | HistogramName

type ValueOf<Label extends LabelName> = Label extends keyof typeof LABEL_VALUES
  ? (typeof LABEL_VALUES)[Label][number]
  : string

/** The labels of a family except `core`, with their possible values. */
export type LabelsOf<Name extends FamilyName> = {
  readonly [Label in Catalogue[Name]['labels'][number]]: ValueOf<Label>
}

/** One observation of the media process: a count or a duration. */
export type Observation =
  | {
      [Name in CounterName]: {
        readonly family: Name
        readonly labels: LabelsOf<Name>
      }
    }[CounterName]
  | {
      [Name in HistogramName]: {
        readonly family: Name
        readonly labels: LabelsOf<Name>
        /** In the family's unit: seconds, finite, not negative. */
        readonly value: number
      }
    }[HistogramName]

/**
 * Reports one observation. Synchronous; never throws and never blocks, whatever
 * the state of the exporter.
 */
export type Report = (observation: Observation) => void

/** All family names, in the order they are exposed. */
export const FAMILY_NAMES = Object.keys(CATALOGUE).filter(isFamilyName)

/** Whether `name` is one of the eleven families. */
export function isFamilyName(name: string): name is FamilyName {
  return Object.hasOwn(CATALOGUE, name)
}

/** The family as `Family`, for code that treats all families alike. */
export function familyOf(name: FamilyName): Family {
  return CATALOGUE[name]
}

/** Whether the family is reported by observations rather than by snapshots. */
export function isObservedName(name: string): name is ObservedName {
  return isFamilyName(name) && CATALOGUE[name].type !== 'gauge'
}

/**
 * The label sets of `name` that a registered stream has at zero from the start:
 * the product of the closed labels, with this `stream_id`. Values are in the
 * order of the family's `labels`.
 */
export function labelSetsAtZero(
  name: FamilyName,
  streamId: string,
): readonly (readonly string[])[] {
  const family = familyOf(name)
  if (!family.startsAtZero) return []
  return family.labels.reduce<readonly (readonly string[])[]>(
    (sets, label) =>
      sets.flatMap(set =>
        valuesAtZero(label, streamId).map(value => [...set, value]),
      ),
    [[]],
  )
}

function valuesAtZero(label: LabelName, streamId: string): readonly string[] {
  if (label === 'stream_id') return [streamId]
  // The values of an open label are not known in advance.
  if (label === 'code') return []
  return LABEL_VALUES[label]
}

const STATUS_CODE = /^[1-5][0-9]{2}$/

/**
 * Whether `value` is allowed for `label`. Any `stream_id` is: only the exporter's
 * ledger knows which streams are registered.
 */
export function isLabelValue(label: LabelName, value: string): boolean {
  if (label === 'stream_id') return true
  if (label === 'code') return STATUS_CODE.test(value)
  const allowed: readonly string[] = LABEL_VALUES[label]
  return allowed.includes(value)
}
