/** What a process may use; 0: as much as it likes. */
export interface Limits {
  /** Percent of one core, so that two full cores are 200. */
  readonly cpuPercent: number
  readonly memoryBytes: number
  /** It is ended when it is over a limit for so long. */
  readonly waitForMs: number
}

export interface Usage {
  readonly cpuPercent: number
  readonly memoryBytes: number
}

export const NO_USAGE: Usage = { cpuPercent: 0, memoryBytes: 0 }

/** Finds out when a process has been over a limit for too long. */
export class LimitWatch {
  readonly #limits: Limits
  readonly #overSinceMs = new Map<keyof Usage, number>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Takes a sample; gives the reason to end the process, if there is one. */
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
      this.#overSinceMs.delete(what)
      return undefined
    }
    const since = this.#overSinceMs.get(what) ?? elapsedMs
    this.#overSinceMs.set(what, since)
    if (elapsedMs - since < this.#limits.waitForMs) return undefined
    return (
      `Killed because limits are exceeded: ${Math.round(usage[what])}${unit}, ` +
      `limit is ${limit}, tolerated for ${this.#limits.waitForMs / 1000} s`
    )
  }
}
