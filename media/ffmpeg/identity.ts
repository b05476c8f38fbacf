import { readKernelBootId, readProcStat } from './proc.ts'

/**
 * Names one process for good, which a pid alone does not: pids are used
 * again, and start over when the kernel or a container does.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Ticks from the kernel's start to the process's. */
  readonly startTicks: number
  /** The boot of the kernel that the ticks count from. */
  readonly kernel: string
}

/** The identity of the living process `pid`; undefined: there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readProcStat(pid)
  if (stat === undefined || stat.zombie) return undefined
  return { pid, startTicks: stat.startTicks, kernel: readKernelBootId() }
}

/** Whether exactly this process still lives. */
export function isAlive(process: ProcessIdentity): boolean {
  const now = identify(process.pid)
  return now?.startTicks === process.startTicks && now.kernel === process.kernel
}

/** Reads an identity that was written down; undefined: it is none. */
export function parseIdentity(raw: unknown): ProcessIdentity | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const pid: unknown = 'pid' in raw ? raw.pid : undefined
  const startTicks: unknown = 'startTicks' in raw ? raw.startTicks : undefined
  const kernel: unknown = 'kernel' in raw ? raw.kernel : undefined
  if (!Number.isSafeInteger(pid) || typeof pid !== 'number') return undefined
  if (typeof startTicks !== 'number' || typeof kernel !== 'string') {
    return undefined
  }
  // 0 and below are groups to kill(2).
  return pid > 0 ? { pid, startTicks, kernel } : undefined
}
