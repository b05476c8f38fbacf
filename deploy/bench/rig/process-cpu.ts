import { readdirSync, readFileSync } from 'node:fs'

/** CPU time of all threads of a process so far, nanoseconds. */
export function cpuNs(pid: number): number {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks)
    .map(task => Number(read(`${tasks}/${task}/schedstat`).split(' ')[0]))
    .reduce((sum, ns) => sum + ns, 0)
}

/** Pids of the children of a process. */
export function childrenOf(pid: number): readonly number[] {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter(text => text !== '')
    .map(Number)
}

/** The name of a process's program, 15 characters at most. */
export function nameOf(pid: number): string {
  return read(`/proc/${pid}/comm`).trim()
}

/** Empty if the process or thread has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
