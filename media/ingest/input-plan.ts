import { stat } from 'node:fs/promises'

import type { RunInput } from '../ffmpeg/run-port.ts'
import type { InputFact, InputFacts, LateStreams } from './input-facts.ts'
import type { Arrival } from './timestamp-repair.ts'
import type { ManagedWebrtc } from './webrtc-config.ts'

/** An input that was looked for on this machine. */
export interface FoundInput extends RunInput {
  /** A regular file, and not one that says where RTP comes from. */
  readonly isFile: boolean
}

/** How one input is to be read. */
export interface InputPlan {
  /**
   * Slowed down to real time: `-re` as it is read, `filter` in the outputs,
   * where a leap of its times does not make FFmpeg wait.
   */
  readonly pace: 'none' | '-re' | 'filter'
  /** Its frames have no times: they get those of their arrival. */
  readonly wallClock: boolean
  readonly arrival: Arrival
}

/** How a run reads its inputs and treats what comes of them. */
export interface RunPlan {
  readonly inputs: readonly InputPlan[]
  readonly deinterlace: boolean
  /** All there is of video are pictures such as covers. */
  readonly noVideo: boolean
  /** Streams that FFmpeg would not pick by itself. */
  readonly late: LateStreams
}

/** Whoever gives one of these decides about the pace. */
const PACE_OPTIONS = new Set(['-re', '-readrate'])
/** Demuxers of what comes as it is made, even where a length is told. */
const LIVE = /^(?:rtsp|rtp|sdp|mpjpeg|alsa|pulse|v4l2|video4linux2|x11grab)\b/
/** Demuxers of lists of files, which are read as fast as they come. */
const LISTS = /^(?:hls|dash)\b/
/** Demuxers of frames without times. */
const TIMELESS =
  /^(?:mpjpeg|mjpeg|mjpeg_2000|h26[1345]|hevc|m4v|mpegvideo|vc1|obu|image2pipe)(?:,|$)/

/** Looks for the inputs on this machine. */
export function findInputs(
  inputs: readonly RunInput[],
): Promise<readonly FoundInput[]> {
  return Promise.all(
    inputs.map(async input => ({
      ...input,
      isFile: await isFile(input.address),
    })),
  )
}

async function isFile(address: string): Promise<boolean> {
  const path = address.replace(/^file:(?:\/\/)?/, '')
  if (path.endsWith('.sdp')) return false
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/**
 * Plans how to read the inputs; `facts` are what FFmpeg said of them in an
 * earlier run, undefined before the first.
 */
export function planRun(
  inputs: readonly FoundInput[],
  { video, audio }: ManagedWebrtc,
  facts: InputFacts | undefined,
): RunPlan {
  const copies = video.codec === 'copy' || audio.codec === 'copy'
  // FFmpeg reads several inputs in step: one must not hold up the others.
  const pace = copies || inputs.length > 1 ? '-re' : 'filter'
  return {
    inputs: inputs.map((input, index) =>
      planInput(input, pace, facts?.inputs[index]),
    ),
    deinterlace: facts?.video?.interlaced ?? false,
    noVideo: facts?.video?.attachedPicture ?? false,
    late: facts?.late ?? {},
  }
}

/** Whether a run by `old` is to be ended for one by `next`. */
export function differs(old: RunPlan, next: RunPlan): boolean {
  return (
    next.deinterlace !== old.deinterlace ||
    next.noVideo !== old.noVideo ||
    next.late.video !== old.late.video ||
    next.late.audio !== old.late.audio ||
    next.inputs.some(
      ({ pace, wallClock }, index) =>
        pace !== old.inputs[index]?.pace ||
        wallClock !== old.inputs[index].wallClock,
    )
  )
}

/** Options of FFmpeg that come before those of the user. */
export function inputOptions(
  { pace, wallClock }: InputPlan,
  shared: boolean,
): readonly string[] {
  return [
    // The filters go on where the picture changes its size; the first of them
    // keeps the time. Outputs of the user's may not bear that.
    ...(shared ? [] : ['-reinit_filter:v', '0']),
    ...(pace === '-re' ? ['-re'] : []),
    ...(wallClock ? ['-use_wallclock_as_timestamps', '1'] : []),
  ]
}

function planInput(
  { options, isFile }: FoundInput,
  pace: 'filter' | '-re',
  fact: InputFact | undefined,
): InputPlan {
  const paced = options.some(option => PACE_OPTIONS.has(option))
  const timed = options.includes('-use_wallclock_as_timestamps')
  if (isGenerator(options)) {
    return { pace: paced ? 'none' : '-re', wallClock: false, arrival: 'read' }
  }
  const read = isRead(isFile, fact)
  return {
    pace: read && !paced ? pace : 'none',
    wallClock: !read && !paced && !timed && TIMELESS.test(fact?.format ?? ''),
    arrival: read ? 'read' : 'live',
  }
}

/** Whether the input is there as a whole, to be read at any speed. */
function isRead(isFile: boolean, fact: InputFact | undefined): boolean {
  if (fact && LIVE.test(fact.format)) return false
  if (isFile) return true
  if (!fact) return false
  return LISTS.test(fact.format) || fact.durationS !== undefined
}

function isGenerator(options: readonly string[]): boolean {
  return options.some(
    (option, at) => option === 'lavfi' && options[at - 1] === '-f',
  )
}
