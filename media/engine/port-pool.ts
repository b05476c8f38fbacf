import { EngineError } from './engine-error.ts'
import type { PortProbe } from './port-probe.ts'

/** A port taken from the pool. */
export interface PortLease {
  readonly protocol: 'udp' | 'tcp'
  readonly port: number
  /** Gives it back. Idempotent. */
  release(): void
  /** Another program holds it: keeps it out of the pool for a while. */
  refuse(): void
}

export interface PortCounts {
  readonly inUse: number
  /** Ports that can still be taken: neither in use nor held by others. */
  readonly available: number
}

export interface PortPoolOptions {
  readonly protocol: 'udp' | 'tcp'
  readonly min: number
  readonly max: number
  readonly probe: PortProbe
  /** How long a port that another program holds stays out, milliseconds. */
  readonly keepOutMs?: number
  /** Called when the counts have changed. */
  readonly onChange?: () => void
}

const KEEP_OUT_MS = 60_000

/** The ports that the product may bind; each is in exactly one of three sets. */
export class PortPool {
  readonly #options: PortPoolOptions
  readonly #keepOutMs: number
  /** In the order of their return, so that a port rests before its next use. */
  readonly #free = new Set<number>()
  readonly #leased = new Set<number>()
  /** Ports that `reserve` alone lends, with how many want each. */
  readonly #kept = new Map<number, number>()
  /** Ports held by other programs, with the timer that asks again. */
  readonly #foreign = new Map<number, NodeJS.Timeout>()
  #closed = false

  constructor(options: PortPoolOptions) {
    this.#options = options
    this.#keepOutMs = options.keepOutMs ?? KEEP_OUT_MS
    for (let port = options.min; port <= options.max; port++) {
      this.#free.add(port)
    }
  }

  /** Looks which ports other programs hold now, so that counts are true. */
  async sweep(): Promise<void> {
    const ports = [...this.#free]
    const next = ports.values()
    const sweepSome = async () => {
      for (const port of next) {
        if (await this.#options.probe(port)) continue
        if (this.#free.delete(port)) this.#keepOut(port)
      }
    }
    await Promise.all(Array.from({ length: 32 }, sweepSome))
    this.#options.onChange?.()
  }

  counts(): PortCounts {
    return { inUse: this.#leased.size, available: this.#free.size }
  }

  /**
   * Takes the port that has rested longest.
   * @throws {EngineError} `ports` when there is none
   */
  lease(): PortLease {
    for (const port of this.#free) {
      if (!this.#kept.has(port)) return this.#lend(port)
    }
    const { protocol, min, max } = this.#options
    throw new EngineError(
      'ports',
      `Cannot take a ${protocol.toUpperCase()} port: all of ${min} to ${max} ` +
        `are in use (${this.#leased.size} by us, ${this.#foreign.size} by ` +
        `other programs) or kept (${this.#free.size})`,
    )
  }

  /** Whether nobody holds the port now. */
  probe(port: number): Promise<boolean> {
    return this.#options.probe(port)
  }

  /** Takes a port that nobody holds, for a program that we start. */
  async leaseProbed(): Promise<PortLease> {
    for (;;) {
      const lease = this.lease()
      if (await this.#options.probe(lease.port)) return lease
      lease.refuse()
    }
  }

  /**
   * Keeps ports for `reserve`, so that nobody else takes them meanwhile.
   * @returns lets go of them; idempotent
   */
  keep(ports: readonly number[]): () => void {
    for (const port of ports) {
      this.#kept.set(port, (this.#kept.get(port) ?? 0) + 1)
    }
    let kept = true
    return () => {
      if (!kept) return
      kept = false
      for (const port of ports) {
        const wanted = (this.#kept.get(port) ?? 0) - 1
        if (wanted > 0) this.#kept.set(port, wanted)
        else this.#kept.delete(port)
      }
    }
  }

  /**
   * Takes this very port; undefined when it is not of the pool.
   * @throws {EngineError} `ports` when it is in use
   */
  reserve(port: number): PortLease | undefined {
    const { protocol, min, max } = this.#options
    if (port < min || port > max) return undefined
    if (this.#leased.has(port)) {
      throw new EngineError(
        'ports',
        `Cannot take ${protocol.toUpperCase()} port ${port}: it is in use`,
      )
    }
    clearTimeout(this.#foreign.get(port))
    this.#foreign.delete(port)
    return this.#lend(port)
  }

  /** Ends the timers; leases may still be given back. Idempotent. */
  close(): void {
    this.#closed = true
    for (const timer of this.#foreign.values()) clearTimeout(timer)
  }

  #lend(port: number): PortLease {
    this.#free.delete(port)
    this.#leased.add(port)
    this.#options.onChange?.()
    let held = true
    const giveBack = (to: (port: number) => void) => () => {
      if (!held) return
      held = false
      this.#leased.delete(port)
      to(port)
      this.#options.onChange?.()
    }
    return {
      protocol: this.#options.protocol,
      port,
      release: giveBack(freed => this.#free.add(freed)),
      refuse: giveBack(foreign => {
        this.#keepOut(foreign)
      }),
    }
  }

  #keepOut(port: number): void {
    const timer = setTimeout(() => {
      this.#askAgain(port).catch(() => {
        this.#keepOut(port)
      })
    }, this.#keepOutMs)
    timer.unref()
    if (this.#closed) clearTimeout(timer)
    this.#foreign.set(port, timer)
  }

  async #askAgain(port: number): Promise<void> {
    const free = await this.#options.probe(port)
    // It may have been reserved while we asked.
    if (!this.#foreign.has(port)) return
    if (!free) {
      this.#keepOut(port)
      return
    }
    this.#foreign.delete(port)
    this.#free.add(port)
    this.#options.onChange?.()
  }
}
