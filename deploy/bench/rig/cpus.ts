import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** CPUs by role, as lists that taskset understands. */
export interface Cpus {
  readonly servers: string
  readonly clients: string
}

/**
 * Moves this process, and what it starts from now on, to the clients' CPUs, and
 * leaves one CPU to the servers under test, so that senders and receivers do
 * not compete with them. On a machine with one CPU, all share it.
 */
export function claimCpus(): Cpus {
  const status = readFileSync('/proc/self/status', 'utf8')
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1] ?? '0'
  const allowed = expand(list)
  const servers = String(allowed.at(-1) ?? 0)
  const clients = allowed.slice(0, -1).join(',') || servers
  execFileSync('taskset', ['-a', '-c', '-p', clients, String(process.pid)])
  return { servers, clients }
}

/** The numbers in a list such as `0-3,6`. */
function expand(list: string): readonly number[] {
  return list.split(',').flatMap(range => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}
