import { unixSeconds, type Clock } from '../../shared/runtime/clock.ts'

/** How a run ended, in upstream's words. */
export type ExitState = 'finished' | 'failed' | 'killed'

/** One run in upstream's spelling; times are Unix seconds. */
export interface RunReport {
  readonly created_at: number
  /** FFmpeg's log up to its first progress. */
  readonly prelude: readonly string[]
  /** The last lines: Unix seconds as text, then the line. */
  readonly log: readonly (readonly [string, string])[]
  readonly exited_at?: number
  readonly exit_state?: ExitState
}

export interface ProcessReport extends RunReport {
  /** Earlier runs, oldest first. */
  readonly history: readonly RunReport[]
}

const PRELUDE_HEAD = 100
const PRELUDE_TAIL = 50
const LOG_LINES = 100
const HISTORY_RUNS = 3

interface LoggedRun {
  createdAt: number
  inPrelude: boolean
  readonly head: string[]
  readonly tail: string[]
  /** Number of lines dropped between head and tail. */
  skipped: number
  readonly log: (readonly [string, string])[]
  exit?: { readonly at: number; readonly state: ExitState }
}

/**
 * The last lines of the last runs. Bounded, whatever FFmpeg writes. Lines are
 * stored unmasked, for finding the cause of a failure, and masked when shown.
 */
export class RunLog {
  readonly #clock: Clock
  readonly #mask: (line: string) => string
  #run: LoggedRun
  #history: RunReport[] = []

  /** @param mask masks the secrets in a line */
  constructor(clock: Clock, mask: (line: string) => string) {
    this.#clock = clock
    this.#mask = mask
    this.#run = this.#emptyRun()
  }

  /** Starts a new run; the last one becomes history. */
  begin(): void {
    if (this.#run.exit !== undefined) {
      this.#history = [...this.#history, this.#reportOf(this.#run)].slice(
        -HISTORY_RUNS,
      )
    }
    this.#run = this.#emptyRun()
  }

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

  /** FFmpeg has made progress: later lines are not part of the prelude. */
  endPrelude(): void {
    this.#run.inPrelude = false
  }

  end(state: ExitState): void {
    this.#run.exit = { at: this.#unixSeconds(), state }
  }

  /** The last line of this run, masked; '' before the first. */
  get lastLine(): string {
    return this.#mask(this.#run.log.at(-1)?.[1] ?? '')
  }

  /**
   * The lines that best explain why this run ended, oldest first, unmasked:
   * the prelude if it never made progress, otherwise the last lines.
   */
  get lines(): readonly string[] {
    if (this.#run.inPrelude) return preludeOf(this.#run)
    return this.#run.log.map(([, line]) => line)
  }

  report(): ProcessReport {
    return { ...this.#reportOf(this.#run), history: this.#history }
  }

  #reportOf(run: LoggedRun): RunReport {
    const { createdAt, log, exit } = run
    return {
      created_at: createdAt,
      prelude: preludeOf(run).map(this.#mask),
      log: log.map(([at, line]) => [at, this.#mask(line)]),
      ...(exit && { exited_at: exit.at, exit_state: exit.state }),
    }
  }

  #emptyRun(): LoggedRun {
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
    return unixSeconds(this.#clock.epochMs())
  }
}

function preludeOf({ head, tail, skipped }: LoggedRun): readonly string[] {
  const gap = skipped > 0 ? [`… ${skipped} lines omitted …`] : []
  return [...head, ...gap, ...tail]
}
