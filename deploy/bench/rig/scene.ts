/**
 * deploy/bench/rig lets benchmarks measure a media process from outside, beside
 * a bare UDP relay that gets the same packets in the same seconds.
 * Owns: the processes of a measurement and their CPUs.
 * Gets: a checkout, and what to send.
 * Gives: packet times and CPU times of both.
 *
 *   sender.ts --+--> media process --SRTP--> receivers-main.ts
 *               +--> relay.pl --UDP--------> (the same process)
 *               +----------------UDP-------> (directly)
 */
import { fileURLToPath } from 'node:url'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import type { MediaKind } from '../../../media/whep/stream-port.ts'
import type { Cpus } from './cpus.ts'
import { startPinned } from './pinned.ts'
import { Product } from './product.ts'
import { Receivers } from './receivers.ts'
import { Relay } from './relay.ts'
import type { SenderPlan } from './sender.ts'

/** Who sends the RTP: FFmpeg as a child of the product, or another program. */
export type Ingest = 'managed' | 'external'

export interface SceneOptions {
  /** The checkout to measure. */
  readonly checkout: string
  readonly cpus: Cpus
  readonly ingest: Ingest
  readonly kind: MediaKind
  readonly burst: number
  readonly intervalMs: number
  /** Whether the sender also sends straight to the receiver. */
  readonly isDirect: boolean
}

export const MAX_VIEWERS = 50
/** Each viewer and each POST takes one; ports stay in quarantine for a while. */
const UDP_PORTS = 600
const RELAY_PORTS = MAX_VIEWERS + 4

/** FFmpeg's payload types, which external legs expect. */
const PAYLOAD_TYPE = { video: 96, audio: 97 } as const
const SENDER = fileURLToPath(new URL('sender.ts', import.meta.url))

const udpPorts = await takePorts(UDP_PORTS)
const { min: firstPort } = await takePorts(RELAY_PORTS)
const PORT = {
  leg: firstPort,
  relay: firstPort + 2,
  direct: firstPort + 3,
  relayed: firstPort + 4,
} as const

/** A product with one stream, a relay, a sender to both, and receivers. */
export class Scene {
  readonly product: Product
  readonly receivers: Receivers
  readonly #cpus: Cpus
  #relay: Relay

  private constructor(
    cpus: Cpus,
    product: Product,
    receivers: Receivers,
    relay: Relay,
  ) {
    this.#cpus = cpus
    this.product = product
    this.receivers = receivers
    this.#relay = relay
  }

  /** Runs `work` in a scene with one viewer, then ends all of its processes. */
  static async run<Result>(
    options: SceneOptions,
    work: (scene: Scene) => Promise<Result>,
  ): Promise<Result> {
    const { checkout, cpus, ingest, kind } = options
    const undo: (() => Promise<unknown>)[] = []
    try {
      const receivers = new Receivers({
        kind,
        directPort: PORT.direct,
        relayedPort: PORT.relayed,
      })
      undo.push(() => receivers.close())
      const send = senderCommand(options)
      const product = await Product.start({
        checkout,
        cpus: cpus.servers,
        udpPorts,
        webrtc: webrtcOf(ingest, kind),
        ffmpeg: ['taskset', '-c', cpus.clients, ...send],
      })
      undo.push(() => product.stop())
      if (ingest === 'external') {
        const sender = startPinned(cpus.clients, send)
        undo.push(() => sender.end())
      }
      await product.isLive()
      await receivers.open(product.endpoint, 1)
      const relay = await startRelay(cpus, 1)
      const scene = new Scene(cpus, product, receivers, relay)
      undo.push(() => scene.relay.stop())
      return await work(scene)
    } finally {
      for (const end of undo.toReversed()) await end()
    }
  }

  get relay(): Relay {
    return this.#relay
  }

  /** Opens viewers until there are `viewers`; the relay sends to as many. */
  async open(viewers: number): Promise<void> {
    await this.receivers.open(this.product.endpoint, viewers)
    await this.#relay.stop()
    this.#relay = await startRelay(this.#cpus, viewers)
  }
}

function startRelay({ servers }: Cpus, receivers: number): Promise<Relay> {
  const { relay: port, relayed: to } = PORT
  return Relay.start({ cpus: servers, port, to, receivers })
}

function senderCommand(options: SceneOptions): readonly string[] {
  const { ingest, kind, burst, intervalMs, isDirect } = options
  const format = { kind, payloadType: PAYLOAD_TYPE[kind], ssrc: 4_711 }
  const ports = [
    ...(ingest === 'external' ? [PORT.leg] : []),
    PORT.relay,
    ...(isDirect ? [PORT.direct] : []),
  ]
  const plan: SenderPlan = { format, burst, intervalMs, ports }
  return [process.execPath, SENDER, JSON.stringify(plan)]
}

function webrtcOf(ingest: Ingest, kind: MediaKind): object {
  const codec = { video: 'h264', audio: 'opus' } as const
  const other = kind === 'video' ? 'audio' : 'video'
  const leg = ingest === 'external' ? { port: PORT.leg } : {}
  return {
    enabled: true,
    ...(ingest === 'external' && { ingest }),
    [kind]: { codec: codec[kind], ...leg },
    [other]: { codec: 'none' },
  }
}
