import { EngineError } from '../../engine/engine-error.ts'
import { findPortOutside } from '../../engine/local-transport.ts'
import type { PortLease, PortPool } from '../../engine/port-pool.ts'
import { withAbort } from '../../engine/with-abort.ts'
import type { Fault } from '../fault.ts'
import type { LegPlan } from '../leg-plan.ts'
import { RelayCounters, type UnexpectedRtp } from '../relay/relay-counters.ts'
import type { BindFailure, ForwardTarget } from '../relay/relay-messages.ts'
import type { RelayThread } from '../relay/relay-thread.ts'

export type LeasedPort = Omit<PortLease, 'protocol'>

export interface LegRelayOptions {
  readonly thread: RelayThread
  readonly plan: LegPlan
  /** IP address to receive on. */
  readonly listen: string
  /** Leases a port to receive on. */
  readonly lease: (use: 'rtp' | 'rtcp') => Promise<LeasedPort> | LeasedPort
  readonly udpPorts: PortPool
  /** Whether to look for faults in the packets: those of external senders. */
  readonly inspect: boolean
}

const MAX_ATTEMPTS = 16
/** So that the legs of a relay thread that hangs show as silent. */
const INSPECTION_TIMEOUT_MS = 1_000

/**
 * The relay of a leg, as the main thread sees it. It outlives the media
 * worker, so that the RTP continues unbroken in the next one.
 */
export class LegRelay {
  readonly #thread: RelayThread
  readonly #relay: number
  readonly #leases: Readonly<Record<'rtp' | 'rtcp', LeasedPort>>
  readonly #inspect: boolean
  readonly #counters: RelayCounters
  #outPort = 0
  #faults: readonly Fault[] = []
  #packetsRead = 0
  #inspection: Promise<void> | undefined

  private constructor(
    { thread, inspect }: LegRelayOptions,
    leases: Readonly<Record<'rtp' | 'rtcp', LeasedPort>>,
  ) {
    this.#thread = thread
    this.#relay = thread.newRelay()
    this.#leases = leases
    this.#inspect = inspect
    this.#counters = new RelayCounters()
  }

  /**
   * @throws {EngineError} `ports` if a port cannot be leased or bound, `worker`
   *   if the relay thread died
   */
  static async open(options: LegRelayOptions): Promise<LegRelay> {
    const rtp = await options.lease('rtp')
    try {
      const rtcp = await options.lease('rtcp')
      try {
        const relay = new LegRelay(options, { rtp, rtcp })
        await relay.#open(options)
        return relay
      } catch (error) {
        rtcp.release()
        throw error
      }
    } catch (error) {
      rtp.release()
      throw error
    }
  }

  get ports(): Readonly<Record<'rtp' | 'rtcp', number>> {
    const { rtp, rtcp } = this.#leases
    return { rtp: rtp.port, rtcp: rtcp.port }
  }

  /** Source port of what it forwards, on loopback. */
  get outPort(): number {
    return this.#outPort
  }

  /** Number of packets forwarded since it was opened. */
  get packets(): number {
    return this.#counters.packets
  }

  get unexpected(): UnexpectedRtp {
    return this.#counters.unexpected
  }

  /** As of the last `readPackets`. */
  get faults(): readonly Fault[] {
    return this.#faults
  }

  /**
   * Returns `packets`, and updates the faults. If there are no new packets, the
   * relay thread first reads what has arrived: when the whole process was
   * paused, this thread can run before it.
   */
  async readPackets(): Promise<number> {
    if (this.#inspect || this.packets === this.#packetsRead) {
      this.#inspection ??= this.#requestInspection()
      const deadline = AbortSignal.timeout(INSPECTION_TIMEOUT_MS)
      const ignore = () => undefined
      await withAbort('inspect a leg', this.#inspection, deadline, ignore)
        // It hangs; the packets that it does not read show as silence.
        .catch(ignore)
    }
    this.#packetsRead = this.packets
    return this.#packetsRead
  }

  /** @throws {EngineError} `worker` if the relay thread died */
  async forward(target: ForwardTarget): Promise<void> {
    await this.#thread.request(this.#relay, { type: 'forward', target })
  }

  /** Drops all packets until the next `forward`. */
  drop(): void {
    this.#thread
      .request(this.#relay, { type: 'drop' })
      // The next thread does not forward them either.
      .catch(() => undefined)
  }

  /** The next packet is a new sender's, whatever its address. */
  async endSender(): Promise<void> {
    await this.#thread
      .request(this.#relay, { type: 'end-sender' })
      // The next thread knows no sender.
      .catch(() => undefined)
  }

  /** Closes the sockets, then releases the ports. Idempotent. */
  async close(): Promise<void> {
    await this.#thread
      .request(this.#relay, { type: 'close' })
      // The thread has ended, and its sockets with it.
      .catch(() => undefined)
    for (const lease of Object.values(this.#leases)) lease.release()
  }

  async #requestInspection(): Promise<void> {
    try {
      const command = { type: 'inspect' } as const
      const result = await this.#thread.request(this.#relay, command)
      if (result.type === 'faults') this.#faults = result.faults
    } catch {
      // The thread has ended; the packets that it misses show as silence.
    } finally {
      this.#inspection = undefined
    }
  }

  async #open({
    thread,
    plan,
    listen,
    inspect,
    udpPorts,
  }: LegRelayOptions): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const out = await findPortOutside(udpPorts)
      const { buffer: counters } = this.#counters
      const ports = { ...this.ports, out }
      const spec = { plan, listen, ports, inspect, counters }
      const result = await thread.request(this.#relay, { type: 'open', spec })
      if (result.type !== 'not-bound') {
        this.#outPort = out
        return
      }
      const { failure } = result
      // Another program has taken it since it was found.
      const tryNext = failure.inUse && failure.port === out
      if (!tryNext || attempt >= MAX_ATTEMPTS) throw this.#notBound(failure)
    }
  }

  #notBound({ port, message, inUse }: BindFailure): EngineError {
    for (const lease of Object.values(this.#leases)) {
      if (inUse && lease.port === port) lease.quarantine()
    }
    return new EngineError('ports', message)
  }
}
