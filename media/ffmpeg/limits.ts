import { readMemoryBytes, readProcStat } from './proc.ts'

/** CPU and memory that a process uses. */
export interface Usage {
  /** Percent of one core: two full cores are 200. */
  readonly cpuPercent: number
  readonly memoryBytes: number
}

export const NO_USAGE: Usage = { cpuPercent: 0, memoryBytes: 0 }

/** Measures a process between calls of `sample`. */
export class UsageMeter {
  readonly #pid: number
  #last: { readonly elapsedMs: number; readonly cpuSeconds: number } | undefined

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Returns zero without /proc, and zero CPU on the first call. */
  sample(elapsedMs: number): Usage {
    const stat = readProcStat(this.#pid)
    if (stat === undefined) return NO_USAGE
    const last = this.#last
    this.#last = { elapsedMs, cpuSeconds: stat.cpuSeconds }
    const seconds = (elapsedMs - (last?.elapsedMs ?? elapsedMs)) / 1000
    const used = stat.cpuSeconds - (last?.cpuSeconds ?? stat.cpuSeconds)
    return {
      cpuPercent: seconds > 0 ? (used / seconds) * 100 : 0,
      memoryBytes: readMemoryBytes(this.#pid) ?? 0,
    }
  }
}

/** The maximum that a process may use; 0: unlimited. */
export interface UsageLimits extends Usage {
  /** A process that exceeds a limit for this long is ended. */
  readonly waitForMs: number
}

/** Detects that a process has exceeded a limit for too long. */
export class LimitWatch {
  readonly #limits: UsageLimits
  readonly #exceededSinceMs = new Map<keyof Usage, number>()

  constructor(limits: UsageLimits) {
    this.#limits = limits
  }

  /** Returns the reason to end the process, if there is one. */
  check(elapsedMs: number, usage: Usage): string | undefined {
    return (
      this.#checkOne(elapsedMs, usage, 'cpuPercent', '% CPU') ??
      this.#checkOne(elapsedMs, usage, 'memoryBytes', ' bytes of memory')
    )
  }

  #checkOne(
    elapsedMs: number,
    usage: Usage,
    what: keyof Usage,
    unit: string,
  ): string | undefined {
    const limit = this.#limits[what]
    if (limit === 0 || usage[what] <= limit) {
      this.#exceededSinceMs.delete(what)
      return undefined
    }
    const since = this.#exceededSinceMs.get(what) ?? elapsedMs
    this.#exceededSinceMs.set(what, since)
    if (elapsedMs - since < this.#limits.waitForMs) return undefined
    return (
      `Killed because limits are exceeded: ${Math.round(usage[what])}${unit}, ` +
      `limit is ${limit}, tolerated for ${this.#limits.waitForMs / 1000} s`
    )
  }
}
