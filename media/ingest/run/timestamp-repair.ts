/**
 * Cameras, files and senders stamp single frames hours off, fall back to zero,
 * leap, or wrap. FFmpeg then repeats one picture for hours of media time, or
 * drops all that comes. So the first filter of each output gives every frame a
 * time that goes on from the last one's.
 *
 * The expressions below are of FFmpeg's `setpts` and `asetpts`, in seconds:
 * `T` is the time of the frame, `PREV_INT` that of the frame before, and
 * `PREV_OUTT` what came of it. `st` and `ld` write and read registers, which
 * last from frame to frame. `T` is NAN where a frame has no time; comparisons
 * with NAN are false.
 */

/** Where a source's frames come from, as far as their times go. */
export type Arrival =
  /** As they are made: the wall clock tells how far apart they are. */
  | 'live'
  /** As fast as they are read: only their own times tell. */
  | 'read'

export interface TimestampRepair {
  readonly kind: 'video' | 'audio'
  readonly arrival: Arrival
  /** When the run was prepared, ms since 1970. */
  readonly startedMs: number
}

/** Registers of the expression. */
const OFFSET = 0
const GOOD_WALL = 1
const BAD_FRAMES = 2
const GOOD_OUT = 3
const USUAL_STEP = 4
/** Since the last good frame: by the wall clock, and as the frame says. */
const WAITED = 5
const STEP = 6
const AHEAD = 7

/** Beyond what the clock or the rhythm explains, seconds. */
const TOLERANCE_S = 2
/** A source may show a picture only so often, seconds. */
const SLOWEST_RHYTHM_S = 30
/** A pause so much longer than the rhythm is one, not late frames. */
const PAUSE_S = 0.25
/** A source that starts so late, after its others, is taken at its word. */
const LATEST_START_S = 60
const CONNECT_S = 60

const load = (register: number) => `ld(${register})`
const store = (register: number, value: string) => `st(${register},${value})`
const all = (...steps: readonly string[]) => `(${steps.join(';')})`

/** The expression that gives a frame its time, for `setpts` or `asetpts`. */
export function repairExpression(repair: TimestampRepair): string {
  return `if(isnan(PREV_OUTPTS),${firstFrame(repair)},${nextFrame(repair)})`
}

/**
 * FFmpeg starts at the time 0, for the kind that starts first. The filters
 * start anew where sound changes its format: then at about the wall clock's.
 */
function firstFrame({ startedMs, kind }: TimestampRepair): string {
  const running = `max(0,RTCTIME/1000000-${(startedMs / 1000).toFixed(3)})`
  const start = `between(T,0,${LATEST_START_S})*lte(${running},${LATEST_START_S + CONNECT_S})`
  const onTime = `lte(abs(T-${running}),${LATEST_START_S})`
  return all(
    store(GOOD_OUT, `if(gt(gte(T,0)*(${start}+${onTime}),0),T,${running})`),
    store(OFFSET, `${load(GOOD_OUT)}-T`),
    store(GOOD_WALL, 'RTCTIME/1000000'),
    store(BAD_FRAMES, '0'),
    store(USUAL_STEP, frameDuration(kind)),
    ticks(load(GOOD_OUT)),
  )
}

function nextFrame({ arrival }: TimestampRepair): string {
  const waited =
    arrival === 'live' ? `max(0,RTCTIME/1000000-${load(GOOD_WALL)})` : '0'
  const most = `max(${load(WAITED)},${load(USUAL_STEP)})+${TOLERANCE_S}`
  const good = `between(${load(AHEAD)},0,${most})`
  const agrees = `gt(${load(BAD_FRAMES)},1)*between(${load(STEP)},0,${most})`
  return all(
    store(WAITED, waited),
    store(STEP, 'T-PREV_INT'),
    store(AHEAD, `T+${load(OFFSET)}-${load(GOOD_OUT)}`),
    `if(${good},${takeFrame()},${all(
      store(BAD_FRAMES, `${load(BAD_FRAMES)}+1`),
      store(AHEAD, elapsed(arrival)),
      // One frame may be wild. Two that agree are a new time to go by.
      `if(${agrees},${all(
        store(OFFSET, `${load(GOOD_OUT)}+${load(AHEAD)}-T`),
        store(BAD_FRAMES, '0'),
      )})`,
    )})`,
    `if(${load(BAD_FRAMES)},${ticks(later(`${load(GOOD_OUT)}+${load(AHEAD)}`))},${all(
      store(GOOD_WALL, 'RTCTIME/1000000'),
      ticks(later(store(GOOD_OUT, `${load(GOOD_OUT)}+${load(AHEAD)}`))),
    )})`,
  )
}

function takeFrame(): string {
  const steady = `not(${load(BAD_FRAMES)})*between(${load(STEP)},TB,${SLOWEST_RHYTHM_S})`
  return all(
    `if(${steady},${store(USUAL_STEP, load(STEP))})`,
    store(BAD_FRAMES, '0'),
  )
}

/**
 * Since the last good frame, where the frame's own time is wrong: what the
 * rhythm says. Of a live source it is the wall clock where there was a pause,
 * or where several frames were wrong, so that the rhythm is not to be trusted.
 */
function elapsed(arrival: Arrival): string {
  const rhythm = `(${load(BAD_FRAMES)}*${load(USUAL_STEP)})`
  if (arrival === 'read') return rhythm
  const pause = `gt(${load(WAITED)},${rhythm}+${PAUSE_S})`
  const lost = `gt(${load(BAD_FRAMES)},2)`
  return `if(${pause}+${lost},${load(WAITED)},${rhythm})`
}

function frameDuration(kind: 'video' | 'audio'): string {
  if (kind === 'audio') return 'NB_SAMPLES/SR'
  return `if(gt(FR,0),min(1/FR,${SLOWEST_RHYTHM_S}),0)`
}

/** Never at or before the frame before. */
function later(seconds: string): string {
  return `max(${seconds},PREV_OUTT+TB)`
}

/** Rounded: the filter would cut it off. */
function ticks(seconds: string): string {
  return `round((${seconds})/TB)`
}
