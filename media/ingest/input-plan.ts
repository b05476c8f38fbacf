import { stat } from 'node:fs/promises'

import type { RunInput } from '../ffmpeg/run-port.ts'
import type { InputFact, InputFacts, LateStreams } from './run/input-facts.ts'
import type { Arrival } from './run/timestamp-repair.ts'
import type { ManagedWebrtc } from './webrtc-config.ts'

/** An input, and whether it is a file on this machine. */
export interface FoundInput extends RunInput {
  /** Whether it is a regular file with media: an SDP file is not. */
  readonly isFile: boolean
}

/** How FFmpeg reads one input. */
export interface InputPlan {
  /**
   * What slows it down to real time: the input option `-re`, or a filter of
   * our outputs, which a timestamp jump does not stall.
   */
  readonly pace: 'none' | '-re' | 'filter'
  /** Whether its frames have no timestamps: the time of arrival is used. */
  readonly wallClock: boolean
  readonly arrival: Arrival
}

/** How a run reads its inputs and processes the frames. */
export interface RunPlan {
  readonly inputs: readonly InputPlan[]
  readonly deinterlace: boolean
  /** Whether the only video is a still picture such as cover art. */
  readonly noVideo: boolean
  /** Streams that FFmpeg does not select by itself. */
  readonly late: LateStreams
}

/** With one of these options the user has set the pace. */
const PACE_OPTIONS = new Set(['-re', '-readrate'])
/** Demuxers of live sources, even if they report a duration. */
const LIVE = /^(?:rtsp|rtp|sdp|mpjpeg|alsa|pulse|v4l2|video4linux2|x11grab)\b/
/** Demuxers of playlists, whose segments are read as fast as possible. */
const LISTS = /^(?:hls|dash)\b/
/** Demuxers of formats without timestamps. */
const TIMELESS =
  /^(?:mpjpeg|mjpeg|mjpeg_2000|h26[1345]|hevc|m4v|mpegvideo|vc1|obu|image2pipe)(?:,|$)/

/** Checks which inputs are files on this machine. */
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
 * Plans how to read the inputs.
 * @param facts what FFmpeg reported about them in an earlier run; undefined
 *   before the first
 */
export function planRun(
  inputs: readonly FoundInput[],
  { video, audio }: ManagedWebrtc,
  facts: InputFacts | undefined,
): RunPlan {
  const copies = video.codec === 'copy' || audio.codec === 'copy'
  // FFmpeg reads several inputs in step: a filter that paces one of them would
  // hold up the others. Copied streams have no filters.
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

/** Whether a run by the plan `old` must be restarted by the plan `next`. */
export function needsNewRun(old: RunPlan, next: RunPlan): boolean {
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

/** Returns an input's options, to be put before those of the user. */
export function inputOptions(
  { pace, wallClock }: InputPlan,
  shared: boolean,
): readonly string[] {
  return [
    // Keeps the filters, and so the repaired timestamps, when the picture
    // size changes. Outputs of the user may rely on the default.
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

/** Whether the input can be read at any speed, rather than being live. */
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
