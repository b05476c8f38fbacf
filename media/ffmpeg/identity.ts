import { readKernelBootId, readProcStat } from './proc.ts'

/**
 * Identifies one process uniquely. A pid alone does not: pids are reused, and
 * start over when the kernel or a container restarts.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from the kernel's start to the process's. */
  readonly startTicks: number
  /** The boot of the kernel that the ticks count from. */
  readonly kernel: string
}

/** Returns the identity of a process; undefined: it does not run. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readProcStat(pid)
  if (stat === undefined || stat.zombie) return undefined
  return { pid, startTicks: stat.startTicks, kernel: readKernelBootId() }
}

/** Whether exactly this process is still running. */
export function isAlive(process: ProcessIdentity): boolean {
  const now = identify(process.pid)
  return now?.startTicks === process.startTicks && now.kernel === process.kernel
}

/** Reads an identity from JSON; undefined: malformed. */
export function parseIdentity(raw: unknown): ProcessIdentity | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const pid: unknown = 'pid' in raw ? raw.pid : undefined
  const startTicks: unknown = 'startTicks' in raw ? raw.startTicks : undefined
  const kernel: unknown = 'kernel' in raw ? raw.kernel : undefined
  if (!Number.isSafeInteger(pid) || typeof pid !== 'number') return undefined
  if (typeof startTicks !== 'number' || typeof kernel !== 'string') {
    return undefined
  }
  // To kill(2), 0 and negative numbers are process groups.
  return pid > 0 ? { pid, startTicks, kernel } : undefined
}
