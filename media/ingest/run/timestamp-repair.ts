/**
 * Timestamps of cameras, files and senders jump: single frames are hours off,
 * clocks restart at zero or wrap. FFmpeg then repeats one picture for hours of
 * media time, or drops everything. So the first filter of each output gives
 * every frame a time that continues from the last one's.
 *
 * The expressions are for FFmpeg's `setpts` and `asetpts`, in seconds: `T` is
 * the time of the frame, `PREV_INT` the input time and `PREV_OUTT` the output
 * time of the frame before. `st` and `ld` write and read registers, which
 * persist between frames. `T` is NAN for a frame without a time; comparisons
 * with NAN are false.
 */

/** How the frames of a source arrive. */
export type Arrival =
  /** In real time: the wall clock shows how far apart they are. */
  | 'live'
  /** As fast as they are read: only their timestamps show it. */
  | 'read'

export interface TimestampRepair {
  readonly kind: 'video' | 'audio'
  readonly arrival: Arrival
  /** When the run was prepared, milliseconds since 1970. */
  readonly startedMs: number
}

/** Registers of the expression. */
const OFFSET = 0
const GOOD_WALL = 1
const BAD_FRAMES = 2
const GOOD_OUT = 3
const USUAL_STEP = 4
/** Time since the last good frame: by the wall clock, and by timestamps. */
const WAITED = 5
const STEP = 6
const AHEAD = 7

/** Allowed beyond what the clock or the frame rate explains, seconds. */
const TOLERANCE_S = 2
/** The slowest frame rate that is followed: one frame in this time. */
const MAX_FRAME_INTERVAL_S = 30
/** Longer than the usual step by this is a pause, not jitter, seconds. */
const PAUSE_S = 0.25
/** A stream may start this much later than the other one, seconds. */
const MAX_START_S = 60
const CONNECT_S = 60

const load = (register: number) => `ld(${register})`
const store = (register: number, value: string) => `st(${register},${value})`
const all = (...steps: readonly string[]) => `(${steps.join(';')})`

/** Returns the expression for `setpts` or `asetpts`. */
export function repairExpression(repair: TimestampRepair): string {
  return `if(isnan(PREV_OUTPTS),${firstFrame(repair)},${nextFrame(repair)})`
}

/**
 * FFmpeg starts the stream that begins first at the time 0. When the audio
 * format changes it recreates the filters: they resume near the wall clock.
 */
function firstFrame({ startedMs, kind }: TimestampRepair): string {
  const running = `max(0,RTCTIME/1000000-${(startedMs / 1000).toFixed(3)})`
  const start = `between(T,0,${MAX_START_S})*lte(${running},${MAX_START_S + CONNECT_S})`
  const onTime = `lte(abs(T-${running}),${MAX_START_S})`
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
      // A single frame may be an outlier. Two that agree are a new time base.
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
  const steady = `not(${load(BAD_FRAMES)})*between(${load(STEP)},TB,${MAX_FRAME_INTERVAL_S})`
  return all(
    `if(${steady},${store(USUAL_STEP, load(STEP))})`,
    store(BAD_FRAMES, '0'),
  )
}

/**
 * Time since the last good frame, if the frame's own timestamp is wrong:
 * estimated from the usual step. For a live source the wall clock is used
 * after a pause, or after several wrong frames, when the step is unreliable.
 */
function elapsed(arrival: Arrival): string {
  const estimate = `(${load(BAD_FRAMES)}*${load(USUAL_STEP)})`
  if (arrival === 'read') return estimate
  const pause = `gt(${load(WAITED)},${estimate}+${PAUSE_S})`
  const lost = `gt(${load(BAD_FRAMES)},2)`
  return `if(${pause}+${lost},${load(WAITED)},${estimate})`
}

function frameDuration(kind: 'video' | 'audio'): string {
  if (kind === 'audio') return 'NB_SAMPLES/SR'
  return `if(gt(FR,0),min(1/FR,${MAX_FRAME_INTERVAL_S}),0)`
}

/** At least one tick after the frame before. */
function later(seconds: string): string {
  return `max(${seconds},PREV_OUTT+TB)`
}

/** Rounded, because the filter truncates. */
function ticks(seconds: string): string {
  return `round((${seconds})/TB)`
}
