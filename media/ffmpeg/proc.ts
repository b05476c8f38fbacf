import { readFileSync } from 'node:fs'

/** Ticks a second in /proc: USER_HZ, which is 100 on every Linux we run on. */
const TICKS_PER_SECOND = 100

/** What /proc knows of a process. */
export interface ProcStat {
  /** Dead, but not yet waited for by its parent. */
  readonly zombie: boolean
  /** User and system time used so far, seconds. */
  readonly cpuSeconds: number
  /** When it started, ticks since the kernel did: with the pid, its name. */
  readonly startTicks: number
}

/** Reads /proc/<pid>/stat; undefined: there is no such process. */
export function readProcStat(pid: number): ProcStat | undefined {
  const text = readProc(`/proc/${pid}/stat`)
  // The name, in brackets, may itself hold spaces and brackets.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined || fields.length < 20) return undefined
  const number = (at: number) => Number(fields[at])
  return {
    zombie: fields[0] === 'Z' || fields[0] === 'X',
    cpuSeconds: (number(11) + number(12)) / TICKS_PER_SECOND,
    startTicks: number(19),
  }
}

/** Resident memory of a process, bytes; undefined: no such process. */
export function readMemoryBytes(pid: number): number | undefined {
  const text = readProc(`/proc/${pid}/status`)
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(text ?? '')?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** Names one boot of the kernel: a pid means nothing after the next. */
export function readKernelBootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
}

/**
 * Reads synchronously: the kernel answers within microseconds, while Node's
 * thread pool takes eight times the CPU, and each FFmpeg is sampled once a
 * second.
 */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Gone meanwhile, or not ours to read.
    return undefined
  }
}
