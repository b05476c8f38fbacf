import type { MediaKind, Router } from 'mediasoup/types'

import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import { LegInbox } from './legs/rtp-receiver.ts'
import type { LegSet } from './leg.ts'
import type { LegPlan } from './leg-plan.ts'
import { LegTraffic } from './watch/leg-traffic.ts'
import { RelayedLeg, type Relay } from './legs/relayed-leg.ts'
import { continuityOf } from './rtp/rtp-rewriter.ts'
import type { ExternalWebrtc } from './webrtc-config.ts'

export interface ExternalLegsOptions {
  readonly config: ExternalWebrtc
  readonly plans: readonly LegPlan[]
  readonly cname: string
  readonly udpPorts: PortPool
}

/**
 * The legs that somebody else sends. The sockets live as long as this; the
 * legs go and come again when their worker dies, and no sender notices.
 */
export class ExternalLegs implements LegSet {
  readonly #options: ExternalLegsOptions
  readonly #relays = new Map<MediaKind, Relay>()

  constructor(options: ExternalLegsOptions) {
    this.#options = options
  }

  /** @throws {EngineError} those that were opened are closed */
  async open(
    _worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly RelayedLeg[]> {
    const { plans, cname } = this.#options
    const legs: RelayedLeg[] = []
    try {
      for (const plan of plans) {
        const relay = await this.#relayOf(plan)
        legs.push(await RelayedLeg.open({ router, plan, cname, signal, relay }))
      }
      return legs
    } catch (error) {
      for (const leg of legs) leg.close()
      throw error
    }
  }

  /** Closes the sockets. Idempotent. */
  close(): void {
    for (const { inbox } of this.#relays.values()) inbox.close()
    this.#relays.clear()
  }

  async #relayOf(plan: LegPlan): Promise<Relay> {
    const known = this.#relays.get(plan.kind)
    if (known !== undefined) return known
    const { config, udpPorts } = this.#options
    const given = config[plan.kind]
    const ports = { rtp: given.port, rtcp: given.rtcp_port }
    const inbox = await LegInbox.open({
      listen: config.listen,
      // Those that are not of the pool need not be given back.
      take: use =>
        udpPorts.reserve(ports[use]) ?? {
          port: ports[use],
          release: () => undefined,
          quarantine: () => undefined,
        },
    })
    const continuity = continuityOf(plan)
    const relay = { inbox, continuity, traffic: new LegTraffic(plan) }
    this.#relays.set(plan.kind, relay)
    return relay
  }
}
