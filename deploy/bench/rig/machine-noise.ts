import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { childrenOf } from './process-cpu.ts'
import { quantile } from './stats.ts'

/** What else the machine did during a benchmark. */
export interface Noise {
  /** CPU time of other processes, as a share of all CPUs. */
  readonly others: number
  /** Time in which the hypervisor ran another guest, as a share of all CPUs. */
  readonly steal: number
  /** 95th percentile of a fixed calculation's duration, relative to the median. */
  readonly jitter: number
}

const CALCULATION_INTERVAL_MS = 100

/** Measures the noise from its creation until `stop`. */
export class NoiseMeter {
  readonly #start = machineTicks()
  readonly #ownStart = treeTicks(process.pid)
  readonly #durations: number[] = []
  readonly #timer = setInterval(() => {
    this.#durations.push(timeCalculation())
  }, CALCULATION_INTERVAL_MS)

  stop(): Noise {
    clearInterval(this.#timer)
    const end = machineTicks()
    const all = end.all - this.#start.all
    const own = treeTicks(process.pid) - this.#ownStart
    const others = end.busy - this.#start.busy - own
    return {
      others: Math.max(0, others) / all,
      steal: (end.steal - this.#start.steal) / all,
      jitter: quantile(this.#durations, 0.95) / quantile(this.#durations, 0.5),
    }
  }
}

/** One line that says how far the numbers can be trusted. */
export function noiseText({ others, steal, jitter }: Noise): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  return (
    `noise: other processes ${percent(others)} of ${cpus().length} CPUs, ` +
    `steal ${percent(steal)}, a fixed calculation p95 ${jitter.toFixed(2)} x p50`
  )
}

/** Clock ticks of all CPUs since boot. */
function machineTicks() {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, ...rest] = line
    .trim()
    .split(/\s+/)
    .slice(1, 9)
    .map(Number)
  const [interrupts = 0, softInterrupts = 0, steal = 0] = rest
  const busy = user + nice + system + interrupts + softInterrupts
  return { all: busy + idle + wait + steal, busy, steal }
}

/** Clock ticks of a process and its descendants, also of those that ended. */
function treeTicks(pid: number): number {
  let stat
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return 0
  }
  // proc_pid_stat(5): utime, stime, cutime and cstime are fields 14 to 17. The
  // name, field 2, may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = fields.slice(11, 15).reduce((sum, field) => sum + +field, 0)
  return childrenOf(pid).reduce((sum, child) => sum + treeTicks(child), own)
}

function timeCalculation(): number {
  const startMs = performance.now()
  let x = 1
  for (let i = 0; i < 100_000; i++) x = Math.imul(x, 1103515245) + 12345
  // The result must matter, or there is no loop.
  return performance.now() - startMs + (x === 0 ? 1e-9 : 0)
}
