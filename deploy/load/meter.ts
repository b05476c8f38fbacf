/** CPU and memory of processes on this machine. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { availableParallelism, networkInterfaces } from 'node:os'
import { readMemoryBytes } from '../../media/ffmpeg/proc.ts'
import { childrenOf, cpuNs, nameOf } from '../bench/rig/process-cpu.ts'

/** What the processes of one name used. */
export interface Usage {
  readonly name: string
  /** Share of one CPU core. */
  readonly cpu: number
  readonly peakBytes: number
}

interface Total {
  cpuNs: number
  peakBytes: number
}

/** Sums up the CPU time of processes that may come and go. */
export class Meter {
  /** Pids by the name that the report has for them. */
  readonly #find: () => ReadonlyMap<string, readonly number[]>
  readonly #lastNs = new Map<number, number>()
  readonly #totals = new Map<string, Total>()
  #startMs = performance.now()
  #lastShare = { ms: performance.now(), ns: 0 }

  constructor(find: () => ReadonlyMap<string, readonly number[]>) {
    this.#find = find
    this.sample()
    for (const total of this.#totals.values()) total.cpuNs = 0
    this.#startMs = performance.now()
  }

  /** Reads the clocks of the processes; call it every few seconds. */
  sample(): void {
    for (const [name, pids] of this.#find()) {
      const total = this.#totals.get(name) ?? { cpuNs: 0, peakBytes: 0 }
      this.#totals.set(name, total)
      let bytes = 0
      for (const pid of pids) {
        const ns = cpuOf(pid)
        total.cpuNs += Math.max(0, ns - (this.#lastNs.get(pid) ?? 0))
        this.#lastNs.set(pid, ns)
        bytes += readMemoryBytes(pid) ?? 0
      }
      total.peakBytes = Math.max(total.peakBytes, bytes)
    }
  }

  /** The share of all CPU cores that the processes used since the last call. */
  share(): number {
    const now = { ms: performance.now(), ns: this.#cpuNs }
    const { ms, ns } = this.#lastShare
    this.#lastShare = now
    return (now.ns - ns) / ((now.ms - ms) * 1e6 * availableParallelism())
  }

  get #cpuNs(): number {
    return [...this.#totals.values()].reduce((sum, { cpuNs }) => sum + cpuNs, 0)
  }

  get usages(): readonly Usage[] {
    const ns = (performance.now() - this.#startMs) * 1e6
    return [...this.#totals].map(([name, total]) => ({
      name,
      cpu: total.cpuNs / ns,
      peakBytes: total.peakBytes,
    }))
  }
}

/**
 * Returns a function for the pids of the media process behind a URL, of its
 * workers and of its FFmpeg; none if it does not run on this machine, or
 * belongs to another user.
 */
export function findMedia(
  url: URL,
): () => ReadonlyMap<string, readonly number[]> {
  const find = () =>
    isHere(url.hostname) ? listenerOf(portOf(url)) : undefined
  let media = find()
  return () => {
    if (media === undefined) return new Map()
    // It was restarted.
    if (nameOf(media) === '') media = find() ?? media
    const children = childrenOf(media)
    const named = (start: string) =>
      children.filter(pid => nameOf(pid).startsWith(start))
    const workers = named('mediasoup')
    // Otherwise it is a proxy.
    if (workers.length === 0) return new Map()
    return new Map([
      ['media process', [media]],
      ['media workers', workers],
      ['FFmpeg', named('ffmpeg')],
    ])
  }
}

function isHere(hostname: string): boolean {
  if (hostname === 'localhost') return true
  const host = hostname.replace(/^\[|\]$/g, '')
  return Object.values(networkInterfaces()).some(addresses =>
    addresses?.some(({ address }) => address === host),
  )
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port)
  return protocol === 'https:' ? 443 : 80
}

/** Returns the pid of the process that listens on a TCP port. */
function listenerOf(port: number): number | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const LISTEN = '0A'
  // proc(5): sl local_address rem_address st ... inode is the tenth field.
  const line = ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap(path => read(path).split('\n'))
    .map(text => text.trim().split(/\s+/))
    .find(
      ([, local = '', , state]) =>
        local.endsWith(`:${hexPort}`) && state === LISTEN,
    )
  const inode = line?.[9]
  if (inode === undefined) return undefined
  return list('/proc')
    .map(Number)
    .find(
      pid =>
        pid > 0 &&
        list(`/proc/${pid}/fd`).some(
          fd => link(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`,
        ),
    )
}

/** The CPU time of a process, which may have ended. */
function cpuOf(pid: number): number {
  try {
    return cpuNs(pid)
  } catch {
    return 0
  }
}

function read(path: string): string {
  return attempt(() => readFileSync(path, 'utf8')) ?? ''
}

function list(path: string): readonly string[] {
  return attempt(() => readdirSync(path)) ?? []
}

function link(path: string): string {
  return attempt(() => readlinkSync(path)) ?? ''
}

/** A process may end at any time, or belong to another user. */
function attempt<Value>(look: () => Value): Value | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
