import type { Clock } from '../../shared/runtime/clock.ts'

/** How a run ended, in upstream's words. */
export type ExitState = 'finished' | 'failed' | 'killed'

/** One run in upstream's spelling; times are Unix seconds. */
export interface RunReport {
  readonly created_at: number
  /** What FFmpeg said before it made progress. */
  readonly prelude: readonly string[]
  /** The last lines: Unix seconds as text, line. */
  readonly log: readonly (readonly [string, string])[]
  readonly exited_at?: number
  readonly exit_state?: ExitState
}

export interface Report extends RunReport {
  /** Earlier runs, oldest first. */
  readonly history: readonly RunReport[]
}

const PRELUDE_HEAD = 100
const PRELUDE_TAIL = 50
const LOG_LINES = 50
const HISTORY_RUNS = 3

interface Run {
  createdAt: number
  inPrelude: boolean
  readonly head: string[]
  readonly tail: string[]
  /** Lines between head and tail that were let go. */
  skipped: number
  readonly log: (readonly [string, string])[]
  exit?: { readonly at: number; readonly state: ExitState }
}

/**
 * The last lines of the last runs. Bounded, whatever FFmpeg writes. It is
 * kept as it was said, to be understood, and shown without secrets.
 */
export class RunLog {
  readonly #clock: Clock
  readonly #mask: (line: string) => string
  #run: Run
  #history: RunReport[] = []

  /** @param mask takes the secrets out of a line */
  constructor(clock: Clock, mask: (line: string) => string) {
    this.#clock = clock
    this.#mask = mask
    this.#run = this.#emptyRun()
  }

  /** A new run begins: the last one becomes history. */
  begin(): void {
    if (this.#run.exit !== undefined) {
      this.#history = [...this.#history, this.#reportOf(this.#run)].slice(
        -HISTORY_RUNS,
      )
    }
    this.#run = this.#emptyRun()
  }

  /** Takes one line. */
  add(line: string): void {
    const { inPrelude, head, tail, log } = this.#run
    log.push([String(this.#unixSeconds()), line])
    if (log.length > LOG_LINES) log.shift()
    if (!inPrelude) return
    if (head.length < PRELUDE_HEAD) {
      head.push(line)
      return
    }
    tail.push(line)
    if (tail.length <= PRELUDE_TAIL) return
    tail.shift()
    this.#run.skipped++
  }

  /** FFmpeg makes progress: what it says from here on is not prelude. */
  endPrelude(): void {
    this.#run.inPrelude = false
  }

  end(state: ExitState): void {
    this.#run.exit = { at: this.#unixSeconds(), state }
  }

  /** The last line of this run; '' before the first. */
  get lastLine(): string {
    return this.#mask(this.#run.log.at(-1)?.[1] ?? '')
  }

  /**
   * What tells best why this run ended, oldest first: all there is of one
   * that never made progress, else the last lines. With its secrets.
   */
  get lines(): readonly string[] {
    if (this.#run.inPrelude) return preludeOf(this.#run)
    return this.#run.log.map(([, line]) => line)
  }

  report(): Report {
    return { ...this.#reportOf(this.#run), history: this.#history }
  }

  #reportOf(run: Run): RunReport {
    const { createdAt, log, exit } = run
    return {
      created_at: createdAt,
      prelude: preludeOf(run).map(this.#mask),
      log: log.map(([at, line]) => [at, this.#mask(line)]),
      ...(exit && { exited_at: exit.at, exit_state: exit.state }),
    }
  }

  #emptyRun(): Run {
    const createdAt = this.#unixSeconds()
    return {
      createdAt,
      inPrelude: true,
      head: [],
      tail: [],
      skipped: 0,
      log: [],
    }
  }

  #unixSeconds(): number {
    return Math.floor(this.#clock.epochMs() / 1000)
  }
}

function preludeOf({ head, tail, skipped }: Run): readonly string[] {
  const gap = skipped > 0 ? [`… ${skipped} lines left out …`] : []
  return [...head, ...gap, ...tail]
}
