import type { MediaKind, Router } from 'mediasoup/types'

import type { MediaWorker } from '../engine/media-worker.ts'
import type { PortPool } from '../engine/port-pool.ts'
import type { LegPlan } from './leg-plan.ts'
import type { LegSet } from './leg.ts'
import { LegRelay } from './legs/leg-relay.ts'
import { RelayedLeg } from './legs/relayed-leg.ts'
import type { RelayThread } from './relay/relay-thread.ts'
import type { ExternalWebrtc } from './webrtc-config.ts'

export interface ExternalLegsOptions {
  readonly config: ExternalWebrtc
  readonly plans: readonly LegPlan[]
  readonly cname: string
  readonly udpPorts: PortPool
  readonly relayThread: RelayThread
}

/**
 * The legs of external senders. The sockets live as long as this object; legs
 * are reopened when their worker dies, unnoticed by the senders.
 */
export class ExternalLegs implements LegSet {
  readonly #options: ExternalLegsOptions
  readonly #relays = new Map<MediaKind, LegRelay>()

  constructor(options: ExternalLegsOptions) {
    this.#options = options
  }

  async open(
    _worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly RelayedLeg[]> {
    const { plans, cname, udpPorts } = this.#options
    const legs: RelayedLeg[] = []
    try {
      for (const plan of plans) {
        const relay = await this.#relayOf(plan)
        const shared = { router, udpPorts, plan, cname, signal }
        legs.push(await RelayedLeg.open({ ...shared, relay }))
      }
      return legs
    } catch (error) {
      for (const leg of legs) leg.close()
      throw error
    }
  }

  /** Closes the sockets. Idempotent. */
  async close(): Promise<void> {
    const relays = [...this.#relays.values()]
    this.#relays.clear()
    await Promise.all(relays.map(relay => relay.close()))
  }

  async #relayOf(plan: LegPlan): Promise<LegRelay> {
    const known = this.#relays.get(plan.kind)
    if (known !== undefined) return known
    const { config, udpPorts, relayThread } = this.#options
    const configured = config[plan.kind]
    const ports = { rtp: configured.port, rtcp: configured.rtcp_port }
    const relay = await LegRelay.open({
      thread: relayThread,
      plan,
      udpPorts,
      inspect: true,
      listen: config.listen,
      // Ports outside the pool need no release.
      lease: use =>
        udpPorts.reserve(ports[use]) ?? {
          port: ports[use],
          release: () => undefined,
          quarantine: () => undefined,
        },
    })
    this.#relays.set(plan.kind, relay)
    return relay
  }
}
