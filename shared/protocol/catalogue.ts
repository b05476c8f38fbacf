/**
 * THE table of the eleven families: names, help, types, labels, buckets and
 * the label values that start at zero stand here and nowhere else. The media
 * process types its observations by it, the exporter builds its registry
 * from it, and the docs, rules and dashboard are checked against it.
 *
 * The label `core` (CORE_ID) is on every sample and is added by the exporter.
 */

/** Upper bounds of both histograms, seconds; `+Inf` is implied. */
export const DURATION_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

/** The routes that are counted, as label values: never a raw path. */
export const WHEP_ROUTES = {
  POST: 'POST /api/v3/whep/{id}',
  PATCH: 'PATCH /api/v3/whep/{id}/{r}',
  DELETE: 'DELETE /api/v3/whep/{id}/{r}',
} as const

const ROUTES = Object.values(WHEP_ROUTES)

/**
 * The closed label values. `stream_id` and `code` are open, bounded by the
 * registered streams and by the HTTP status codes.
 */
export const LABEL_VALUES = {
  route: ROUTES,
  result: ['connected', 'failed'],
  reason: ['timeout', 'disconnected', 'failed'],
  kind: ['video', 'audio'],
  scope: ['global', 'stream'],
  leg: ['video', 'audio'],
} as const

/** Every label name but `core`. */
export type LabelName = keyof typeof LABEL_VALUES | 'stream_id' | 'code'

/** One family of the catalogue. */
export interface Family {
  readonly type: 'counter' | 'histogram' | 'gauge'
  readonly help: string
  /** Label names beside `core`, in the order of the seed's inventory. */
  readonly labels: readonly LabelName[]
  readonly buckets?: readonly number[]
  /**
   * Whether a registered stream's label sets start at 0: `increase()` cannot
   * see a counter that is born at 1. Only families whose labels beside
   * `stream_id` are all closed can.
   */
  readonly bornAtZero: boolean
}

/** The families, in the order they are exposed. */
export const CATALOGUE = {
  dragonfork_webrtc_whep_requests_total: {
    type: 'counter',
    help: 'Count of WHEP requests by route, status code and stream.',
    labels: ['route', 'code', 'stream_id'],
    bornAtZero: false,
  },
  dragonfork_webrtc_whep_request_duration_seconds: {
    type: 'histogram',
    help: 'Server-side WHEP request duration in seconds.',
    labels: ['route', 'stream_id'],
    buckets: DURATION_BUCKETS,
    bornAtZero: true,
  },
  dragonfork_webrtc_ice_establishment_duration_seconds: {
    type: 'histogram',
    help: 'Seconds from the answer being created to connected or to failure.',
    labels: ['stream_id', 'result'],
    buckets: DURATION_BUCKETS,
    bornAtZero: true,
  },
  dragonfork_webrtc_ice_failures_total: {
    type: 'counter',
    help: 'Count of ICE failures by stream and reason.',
    labels: ['stream_id', 'reason'],
    bornAtZero: true,
  },
  dragonfork_webrtc_codec_mismatches_total: {
    type: 'counter',
    help: 'Count of offers refused with 406 by stream and kind.',
    labels: ['stream_id', 'kind'],
    bornAtZero: true,
  },
  dragonfork_webrtc_cap_rejections_total: {
    type: 'counter',
    help: 'Count of viewers refused with 503 by stream and by the cap reached.',
    labels: ['stream_id', 'scope'],
    bornAtZero: true,
  },
  dragonfork_webrtc_ffmpeg_leg_failures_total: {
    type: 'counter',
    help: 'Count of failures of FFmpeg RTP legs, one per leg and episode.',
    labels: ['stream_id', 'leg'],
    bornAtZero: true,
  },
  dragonfork_webrtc_active_streams: {
    type: 'gauge',
    help: 'Streams running: processes with webrtc enabled that are running.',
    labels: [],
    bornAtZero: false,
  },
  dragonfork_webrtc_active_peers: {
    type: 'gauge',
    help: 'WHEP viewers subscribed, per stream.',
    labels: ['stream_id'],
    bornAtZero: false,
  },
  dragonfork_webrtc_udp_ports_in_use: {
    type: 'gauge',
    help: 'UDP ports taken from the pool.',
    labels: [],
    bornAtZero: false,
  },
  dragonfork_webrtc_udp_ports_available: {
    type: 'gauge',
    help: 'UDP ports of the pool that can still be taken.',
    labels: [],
    bornAtZero: false,
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

/** A family that is told as observations rather than by snapshot. */
export type ObservedName = CounterName | HistogramName

type ValueOf<Label extends LabelName> = Label extends keyof typeof LABEL_VALUES
  ? (typeof LABEL_VALUES)[Label][number]
  : string

/** The labels of a family beside `core`, each with the values it may have. */
export type LabelsOf<Name extends FamilyName> = {
  readonly [Label in Catalogue[Name]['labels'][number]]: ValueOf<Label>
}

/** One thing that happened, as the media process reports it. */
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
 * Tells one observation. Synchronous; never throws, never blocks, never
 * awaits, whatever the state of the exporter.
 */
export type Report = (observation: Observation) => void

/** All family names, in the order they are exposed. */
export const FAMILY_NAMES = Object.keys(CATALOGUE).filter(isFamilyName)

/** Whether `name` is one of the eleven families. */
export function isFamilyName(name: string): name is FamilyName {
  return Object.hasOwn(CATALOGUE, name)
}

/** The family as its interface, for code that treats all families alike. */
export function familyOf(name: FamilyName): Family {
  return CATALOGUE[name]
}

/** Whether the family is told as observations rather than by snapshot. */
export function isObservedName(name: string): name is ObservedName {
  return isFamilyName(name) && CATALOGUE[name].type !== 'gauge'
}

/**
 * The label sets of `name` that a registered stream has from the start, at
 * zero: the product of the closed labels with this `stream_id`. Values stand
 * in the order of the family's `labels`.
 */
export function labelSetsAtZero(
  name: FamilyName,
  streamId: string,
): readonly (readonly string[])[] {
  const family = familyOf(name)
  if (!family.bornAtZero) return []
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
  // An open label has no values that are known before they are seen.
  if (label === 'code') return []
  return LABEL_VALUES[label]
}

const STATUS_CODE = /^[1-5][0-9]{2}$/

/**
 * Whether `value` is allowed for `label`; a `stream_id` must be a registered
 * stream's or a reserved value, which only the registry knows.
 */
export function isLabelValue(label: LabelName, value: string): boolean {
  if (label === 'stream_id') return true
  if (label === 'code') return STATUS_CODE.test(value)
  const allowed: readonly string[] = LABEL_VALUES[label]
  return allowed.includes(value)
}
