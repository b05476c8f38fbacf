import { NO_USAGE, type Usage } from './limits.ts'
import { readMemoryBytes, readProcStat } from './proc.ts'

/** Measures one process between calls of `sample`. */
export class UsageMeter {
  readonly #pid: number
  #last: { readonly elapsedMs: number; readonly cpuSeconds: number } | undefined

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Zero where there is no /proc, and for the CPU at the first call. */
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
