import { EngineError } from './engine-error.ts'
import type { PortProbe } from './port-probe.ts'

/** A port leased from the pool. */
export interface PortLease {
  readonly protocol: 'udp' | 'tcp'
  readonly port: number
  /** Returns the port to the pool. Idempotent. */
  release(): void
  /** Another program uses the port: keeps it out of the pool for a while. */
  quarantine(): void
}

export interface PortCounts {
  readonly inUse: number
  /** Ports that can still be leased: neither leased nor quarantined. */
  readonly available: number
}

export interface PortPoolOptions {
  readonly protocol: 'udp' | 'tcp'
  readonly min: number
  readonly max: number
  readonly probe: PortProbe
  /**
   * The ports that programs may use, for `scan` to probe; undefined if not
   * known: it probes all, which takes about 40 ms for 1,000 ports.
   */
  readonly boundPorts?: () => Promise<ReadonlySet<number> | undefined>
  /** How long a port that another program uses stays out, milliseconds. */
  readonly quarantineMs: number
  /** Called when the counts have changed. */
  readonly onChange?: () => void
}

/**
 * The ports that this process may bind. Each is either free, leased or
 * quarantined; a hold is independent of that.
 */
export class PortPool {
  readonly #options: PortPoolOptions
  /** In order of release, so that a port rests before it is leased again. */
  readonly #free = new Set<number>()
  readonly #leased = new Set<number>()
  /** Ports used by other programs, with the timer of the next probe. */
  readonly #quarantined = new Map<number, NodeJS.Timeout>()
  /** Ports that only `reserve` leases, with the number of holds on each. */
  readonly #held = new Map<number, number>()
  #closed = false

  constructor(options: PortPoolOptions) {
    this.#options = options
    for (let port = options.min; port <= options.max; port++) {
      this.#free.add(port)
    }
  }

  /** Quarantines the ports that other programs use, so that counts are right. */
  async scan(): Promise<void> {
    const bound = await this.#options.boundPorts?.()
    const ports = [...this.#free].filter(port => bound?.has(port) ?? true)
    const next = ports.values()
    const scanSome = async () => {
      for (const port of next) {
        if (await this.#options.probe(port)) continue
        if (this.#free.delete(port)) this.#quarantine(port)
      }
    }
    await Promise.all(Array.from({ length: 32 }, scanSome))
    this.#options.onChange?.()
  }

  /** Whether the port is one of the pool's, free or not. */
  contains(port: number): boolean {
    const { min, max } = this.#options
    return port >= min && port <= max
  }

  counts(): PortCounts {
    return { inUse: this.#leased.size, available: this.#free.size }
  }

  /**
   * Leases the port that has rested longest.
   * @throws {EngineError} `ports` if none is left
   */
  lease(): PortLease {
    for (const port of this.#free) {
      if (!this.#held.has(port)) return this.#leaseOf(port)
    }
    const { protocol, min, max } = this.#options
    throw new EngineError(
      'ports',
      `Cannot lease a ${protocol.toUpperCase()} port: all of ${min} to ` +
        `${max} are in use (${this.#leased.size} by us, ` +
        `${this.#quarantined.size} by other programs) or held ` +
        `(${this.#free.size})`,
    )
  }

  /** Whether no program uses the port now. */
  probe(port: number): Promise<boolean> {
    return this.#options.probe(port)
  }

  /** Leases a port that no program uses, for a child process to bind. */
  async leaseProbed(): Promise<PortLease> {
    for (;;) {
      const lease = this.lease()
      if (await this.#options.probe(lease.port)) return lease
      lease.quarantine()
    }
  }

  /**
   * Holds ports for `reserve`: `lease` does not use them meanwhile.
   * @returns a function that ends the hold; idempotent
   */
  hold(ports: readonly number[]): () => void {
    for (const port of ports) {
      this.#held.set(port, (this.#held.get(port) ?? 0) + 1)
    }
    let held = true
    return () => {
      if (!held) return
      held = false
      for (const port of ports) {
        const holds = (this.#held.get(port) ?? 0) - 1
        if (holds > 0) this.#held.set(port, holds)
        else this.#held.delete(port)
      }
    }
  }

  /**
   * Leases this very port; undefined if it is not in the pool.
   * @throws {EngineError} `ports` if it is leased already
   */
  reserve(port: number): PortLease | undefined {
    const { protocol } = this.#options
    if (!this.contains(port)) return undefined
    if (this.#leased.has(port)) {
      throw new EngineError(
        'ports',
        `Cannot lease ${protocol.toUpperCase()} port ${port}: it is in use`,
      )
    }
    clearTimeout(this.#quarantined.get(port))
    this.#quarantined.delete(port)
    return this.#leaseOf(port)
  }

  /** Stops the timers; leases can still be released. Idempotent. */
  close(): void {
    this.#closed = true
    for (const timer of this.#quarantined.values()) clearTimeout(timer)
  }

  #leaseOf(port: number): PortLease {
    this.#free.delete(port)
    this.#leased.add(port)
    this.#options.onChange?.()
    let leased = true
    const endWith = (next: (port: number) => void) => () => {
      if (!leased) return
      leased = false
      this.#leased.delete(port)
      next(port)
      this.#options.onChange?.()
    }
    return {
      protocol: this.#options.protocol,
      port,
      release: endWith(released => this.#free.add(released)),
      quarantine: endWith(busy => {
        this.#quarantine(busy)
      }),
    }
  }

  #quarantine(port: number): void {
    const timer = setTimeout(() => {
      this.#probeAgain(port).catch(() => {
        this.#quarantine(port)
      })
    }, this.#options.quarantineMs)
    timer.unref()
    if (this.#closed) clearTimeout(timer)
    this.#quarantined.set(port, timer)
  }

  async #probeAgain(port: number): Promise<void> {
    const free = await this.#options.probe(port)
    // `reserve` may have leased it during the probe.
    if (!this.#quarantined.has(port)) return
    if (!free) {
      this.#quarantine(port)
      return
    }
    this.#quarantined.delete(port)
    this.#free.add(port)
    this.#options.onChange?.()
  }
}
