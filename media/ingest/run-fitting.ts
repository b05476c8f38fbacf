import type { MediaKind } from 'mediasoup/types'

import type { RunInputs } from '../ffmpeg/run-port.ts'
import type { Treatment } from './filter-chain.ts'
import { InputFactsReader, type InputFacts } from './input-facts.ts'
import {
  differs,
  findInputs,
  inputOptions,
  planRun,
  type FoundInput,
  type RunPlan,
} from './input-plan.ts'
import type { Arrival } from './timestamp-repair.ts'
import type { ManagedWebrtc } from './webrtc-config.ts'

/** Of a picture that has another size than the first of a run. */
const RESIZED =
  / filter context - w: (\d+) h: (\d+) .*incoming frame - w: (\d+) h: (\d+) /
/** So much another shape is not for rounding. */
const OTHER_SHAPE = 1.02
/** A source that changes its shape all the time is shown out of shape. */
const RESHAPE_AFTER_MS = 60_000

const UNKNOWN: RunInputs = { inputs: [], shared: false }

/**
 * Fits the runs of a stream's FFmpeg to its inputs. What they are is mostly
 * known only from what the first run says of them: no camera likes a second
 * connection. Where that run does not fit, it is to be ended for one that does.
 */
export class RunFitting {
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
  /** Those that a run was ended for. Inputs that change get no new ones. */
  readonly #tried = new Set<string>()
  #startedMs = 0
  #reshapedMs = 0

  constructor(config: ManagedWebrtc) {
    this.#config = config
  }

  /** What the last run that said something has said of its inputs. */
  get facts(): InputFacts | undefined {
    return this.#facts
  }

  /** Whether the inputs have an end, at which FFmpeg ends well. */
  get ends(): boolean {
    const { inputs } = this.#plan
    return (
      inputs.length > 0 && inputs.every(({ arrival }) => arrival === 'read')
    )
  }

  /** A run is being prepared: gives the options of its inputs. */
  async begin(
    { inputs, shared }: RunInputs = UNKNOWN,
    nowMs: number,
  ): Promise<readonly (readonly string[])[]> {
    this.#inputs = await findInputs(inputs)
    this.#shared = shared
    this.#startedMs = nowMs
    this.#reader = new InputFactsReader()
    this.#plan = this.#planAgain()
    return this.#plan.inputs.map(input => inputOptions(input, this.#shared))
  }

  treatmentOf(kind: MediaKind): Treatment {
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
   * Takes a line of FFmpeg. True: by what it says of its inputs, the run does
   * not fit, and the next one will.
   */
  heard(line: string): boolean {
    if (this.#isOutOfShape(line)) return true
    if (!this.#reader.take(line)) return false
    this.#facts = this.#reader.facts
    const next = this.#planAgain()
    if (!differs(this.#plan, next)) return false
    const name = JSON.stringify(next)
    if (this.#tried.has(name)) return false
    this.#tried.add(name)
    return true
  }

  /**
   * Pictures of another size are scaled to that of the first, which FFmpeg
   * keeps to; of another shape, they would be squeezed. (A file would begin
   * from its start again.)
   */
  #isOutOfShape(line: string): boolean {
    const sizes = RESIZED.exec(line)?.slice(1).map(Number)
    if (sizes === undefined || this.#arrivalOf('video') === 'read') return false
    const [width = 1, height = 1, nextWidth = 1, nextHeight = 1] = sizes
    const shapes = [width / height, nextWidth / nextHeight] as const
    if (Math.max(...shapes) / Math.min(...shapes) < OTHER_SHAPE) return false
    if (Date.now() - this.#reshapedMs < RESHAPE_AFTER_MS) return false
    this.#reshapedMs = Date.now()
    return true
  }

  #planAgain(): RunPlan {
    const plan = planRun(this.#inputs, this.#config, this.#facts)
    // Of what was deinterlaced nothing shows any more that it was interlaced.
    const deinterlace = plan.deinterlace || this.#plan.deinterlace
    // Of what was picked for it nothing shows any more that it came late.
    const late = { ...this.#plan.late, ...plan.late }
    return { ...plan, deinterlace, late }
  }

  #arrivalOf(kind: MediaKind): Arrival {
    const { inputs } = this.#plan
    const [only] = inputs
    const picked = this.#facts?.[kind]?.input
    const input = picked === undefined ? undefined : inputs[picked]
    if (input !== undefined) return input.arrival
    return only !== undefined && inputs.every(i => i.arrival === only.arrival)
      ? only.arrival
      : 'live'
  }
}
