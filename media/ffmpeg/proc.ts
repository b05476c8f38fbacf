import { readFileSync } from 'node:fs'

/** USER_HZ, the unit of times in /proc: 100 on every Linux we support. */
const TICKS_PER_SECOND = 100

/** Fields of /proc/PID/stat. */
export interface ProcStat {
  /** Whether it has exited and is not yet reaped by its parent. */
  readonly zombie: boolean
  /** User and system time used so far, seconds. */
  readonly cpuSeconds: number
  /** Clock ticks from the kernel's start to the process's. */
  readonly startTicks: number
}

/** Reads /proc/PID/stat; undefined: no such process. */
export function readProcStat(pid: number): ProcStat | undefined {
  const text = readProc(`/proc/${pid}/stat`)
  // The name, in parentheses, may contain spaces and parentheses.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined || fields.length < 20) return undefined
  const number = (at: number) => Number(fields[at])
  return {
    zombie: fields[0] === 'Z' || fields[0] === 'X',
    cpuSeconds: (number(11) + number(12)) / TICKS_PER_SECOND,
    startTicks: number(19),
  }
}

/** Reads the resident memory of a process, bytes; undefined: no such process. */
export function readMemoryBytes(pid: number): number | undefined {
  const text = readProc(`/proc/${pid}/status`)
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(text ?? '')?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** Reads the kernel's boot id: pids are meaningless after another boot. */
export function readKernelBootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

/**
 * Reads synchronously: the kernel responds within microseconds, while Node's
 * thread pool takes eight times the CPU for it, once a second per FFmpeg.
 */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process has exited, or belongs to another user.
    return undefined
  }
}
