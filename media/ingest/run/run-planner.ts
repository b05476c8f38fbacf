/**
 * media/ingest/run writes the arguments of FFmpeg's runs and reads its log.
 * Owns: what is known of a stream's inputs; no process and no socket.
 * Gets: the inputs and the `webrtc` object of a process, the ports of its legs,
 * FFmpeg's log lines. Gives: input options, filters and RTP outputs; whether a
 * run must be restarted; why a run failed (failure-cause.ts). To read it: this
 * file, then ffmpeg-output.ts and filter-chain.ts.
 */
import type { MediaKind } from 'mediasoup/types'

import type { RunInputs } from '../../ffmpeg/run-port.ts'
import {
  findInputs,
  inputOptions,
  needsNewRun,
  planRun,
  type FoundInput,
  type RunPlan,
} from '../input-plan.ts'
import type { ManagedWebrtc } from '../webrtc-config.ts'
import type { OutputSettings } from './filter-chain.ts'
import { InputFactsReader, type InputFacts } from './input-facts.ts'
import type { Arrival } from './timestamp-repair.ts'

/** Logged when the picture size differs from that of the first frame. */
const RESIZED =
  / filter context - w: (\d+) h: (\d+) .*incoming frame - w: (\d+) h: (\d+) /
/** A smaller ratio of aspect ratios is rounding. */
const MIN_SHAPE_CHANGE = 1.02
/** A source that keeps changing its shape is shown distorted meanwhile. */
const MIN_RESHAPE_INTERVAL_MS = 60_000

const NO_INPUTS: RunInputs = { inputs: [], shared: false }

/**
 * Plans the runs of a stream's FFmpeg. Most of what is known of an input comes
 * from the log of the first run, because many cameras accept only one
 * connection. If that run does not fit its inputs, it is restarted.
 */
export class RunPlanner {
  readonly #config: ManagedWebrtc
  #inputs: readonly FoundInput[] = []
  #shared = false
  #facts: InputFacts | undefined
  #reader = new InputFactsReader()
  #plan: RunPlan = {
    inputs: [],
    deinterlace: false,
    noVideo: false,
    late: {},
  }
  /** Plans that a run was restarted for: each only once. */
  readonly #tried = new Set<string>()
  #startedMs = 0
  #reshapedMs = 0

  constructor(config: ManagedWebrtc) {
    this.#config = config
  }

  /** What the last run that reported anything reported about its inputs. */
  get facts(): InputFacts | undefined {
    return this.#facts
  }

  /** Whether all inputs have an end, at which FFmpeg exits normally. */
  get ends(): boolean {
    const { inputs } = this.#plan
    return (
      inputs.length > 0 && inputs.every(({ arrival }) => arrival === 'read')
    )
  }

  /** Plans the next run, and returns the options of each input. */
  async begin(
    { inputs, shared }: RunInputs = NO_INPUTS,
    nowMs: number,
  ): Promise<readonly (readonly string[])[]> {
    this.#inputs = await findInputs(inputs)
    this.#shared = shared
    this.#startedMs = nowMs
    this.#reader = new InputFactsReader()
    this.#plan = this.#nextPlan()
    return this.#plan.inputs.map(input => inputOptions(input, this.#shared))
  }

  outputSettings(kind: MediaKind): OutputSettings {
    const { inputs, deinterlace, noVideo, late } = this.#plan
    return {
      map: late[kind] ?? (noVideo && kind === 'video' ? '0:V:0' : undefined),
      arrival: this.#arrivalOf(kind),
      paced: inputs.some(({ pace }) => pace === 'filter'),
      deinterlace,
      startedMs: this.#startedMs,
    }
  }

  /**
   * Reads a line of FFmpeg's log.
   * @returns whether the run does not fit its inputs, and the next one will
   */
  readLine(line: string): boolean {
    if (this.#hasNewShape(line)) return true
    if (!this.#reader.read(line)) return false
    this.#facts = this.#reader.facts
    const next = this.#nextPlan()
    if (!needsNewRun(this.#plan, next)) return false
    const name = JSON.stringify(next)
    if (this.#tried.has(name)) return false
    this.#tried.add(name)
    return true
  }

  /**
   * FFmpeg scales all pictures to the size of the first one, which distorts
   * those of another shape. Files are excepted: a new run would start them
   * from the beginning.
   */
  #hasNewShape(line: string): boolean {
    const sizes = RESIZED.exec(line)?.slice(1).map(Number)
    if (sizes === undefined || this.#arrivalOf('video') === 'read') return false
    const [width = 1, height = 1, nextWidth = 1, nextHeight = 1] = sizes
    const shapes = [width / height, nextWidth / nextHeight] as const
    if (Math.max(...shapes) / Math.min(...shapes) < MIN_SHAPE_CHANGE) {
      return false
    }
    if (Date.now() - this.#reshapedMs < MIN_RESHAPE_INTERVAL_MS) return false
    this.#reshapedMs = Date.now()
    return true
  }

  #nextPlan(): RunPlan {
    const plan = planRun(this.#inputs, this.#config, this.#facts)
    // FFmpeg reports deinterlaced video as progressive, and a stream that is
    // selected by `-map` as any other: both facts are kept.
    const deinterlace = plan.deinterlace || this.#plan.deinterlace
    const late = { ...this.#plan.late, ...plan.late }
    return { ...plan, deinterlace, late }
  }

  #arrivalOf(kind: MediaKind): Arrival {
    const { inputs } = this.#plan
    const [first] = inputs
    const index = this.#facts?.[kind]?.input
    const input = index === undefined ? undefined : inputs[index]
    if (input !== undefined) return input.arrival
    return first !== undefined && inputs.every(i => i.arrival === first.arrival)
      ? first.arrival
      : 'live'
  }
}
