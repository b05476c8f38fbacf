/**
 * The receiving end, in a process of its own: WHEP viewers, and the sockets
 * that the relay sends to. The first viewer and the first socket measure how
 * long packets take from the sender's time stamp.
 *
 * Started with fork() and one argument, a ReceiversPlan as JSON. It reads
 * Orders and answers each with a Reply.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Peer } from '../../../media/test/fixtures/peer.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import type { MediaKind } from '../../../media/whep/stream-port.ts'
import { hopUs, isRtp, nowNs, sequenceOf } from './rtp.ts'

export interface ReceiversPlan {
  readonly kind: MediaKind
  /** The port that the sender reaches without a relay. */
  readonly directPort: number
  /** The first of the ports that the relay sends to, one per viewer. */
  readonly relayedPort: number
}

export type Order =
  /** Opens viewers, and sockets for the relay, until there are so many. */
  | { readonly do: 'open'; readonly endpoint: string; readonly viewers: number }
  | { readonly do: 'start' }
  | { readonly do: 'stop' }

/** Microseconds from the sender to the receiver, by the way taken. */
export interface Hops {
  readonly product: readonly number[]
  readonly relay: readonly number[]
  readonly direct: readonly number[]
}

/** What arrived from `start` to `stop`. */
export interface Received {
  readonly hops: Hops
  /** Packets that reached the first viewer's socket. */
  readonly arrived: number
  /** Packets that all viewers decrypted: fewer, if they cannot keep up. */
  readonly decrypted: number
}

export type Reply = { readonly received: Received } | { readonly error: string }

const LOOPBACK = '127.0.0.1'
/** As Chromium offers them. */
const PAYLOAD_TYPE = { video: 108, audio: 111 } as const
const RECEIVE_BUFFER_BYTES = 1 << 20

const { kind, directPort, relayedPort } = JSON.parse(
  process.argv[2] ?? '',
) as ReceiversPlan

const peers: Peer[] = []
const relayed: Socket[] = []
let hops = { product: [], relay: [], direct: [] } as Record<
  keyof Hops,
  number[]
>
let atStart = { arrived: 0, decrypted: 0 }
/** Of the first viewer, whose Peer does not count them. */
const tapped = { arrived: 0, decrypted: 0 }

const direct = await listen(directPort)
direct.on('message', packet => {
  hops.direct.push(hopUs(packet, nowNs()))
})

async function obey(order: Order): Promise<Received> {
  switch (order.do) {
    case 'open':
      while (relayed.length < order.viewers) await openRelayed()
      while (peers.length < order.viewers) await openPeer(order.endpoint)
      break
    case 'start':
      hops = { product: [], relay: [], direct: [] }
      atStart = packets()
      break
    case 'stop':
      break
    default:
      order satisfies never
  }
  const { arrived, decrypted } = packets()
  return {
    hops,
    arrived: arrived - atStart.arrived,
    decrypted: decrypted - atStart.decrypted,
  }
}

function packets() {
  const others = peers.reduce((sum, peer) => sum + peer.packets(kind), 0)
  return { arrived: tapped.arrived, decrypted: others + tapped.decrypted }
}

async function openRelayed(): Promise<void> {
  const isFirst = relayed.length === 0
  const socket = await listen(relayedPort + relayed.length)
  socket.on('message', packet => {
    if (isFirst) hops.relay.push(hopUs(packet, nowNs()))
  })
  relayed.push(socket)
}

async function openPeer(endpoint: string): Promise<void> {
  const payloadType = PAYLOAD_TYPE[kind]
  const peer = new Peer(
    kind === 'video'
      ? { video: { payloadType, codec: 'H264' } }
      : { audio: { payloadType } },
  )
  const isFirst = peers.length === 0
  const route = (answer: string) => (isFirst ? tap(peer, answer) : answer)
  const status = await peer.view(new URL(endpoint), undefined, route)
  if (status !== 201) {
    throw new Error(`POST ${endpoint} got ${status}: ${peer.answer}`)
  }
  await waitFor(
    () => (isFirst ? tapped.decrypted : peer.packets(kind)) > 0,
    'the first packet of a viewer',
  )
  peers.push(peer)
}

/**
 * Puts a plain socket between the server and a viewer and returns the changed
 * answer. The socket notes when each packet arrives, as those of the relay do,
 * before libdatachannel decrypts it: the time stamp in it is then readable.
 */
async function tap(peer: Peer, answer: string): Promise<string> {
  const candidate = /^(a=candidate:\S+ 1 udp \d+) (\S+) (\d+)/m.exec(answer)
  const [line = '', start = '', address = '', port = ''] = candidate ?? []
  const serverSide = await listen(0)
  const viewerSide = await listen(0)
  const arrivals = new Map<number, bigint>()
  let viewerPort: number | undefined
  serverSide.on('message', datagram => {
    if (isRtp(datagram)) {
      arrivals.set(sequenceOf(datagram), nowNs())
      tapped.arrived++
    }
    if (viewerPort !== undefined) {
      viewerSide.send(datagram, viewerPort, LOOPBACK)
    }
  })
  viewerSide.on('message', (datagram, from) => {
    viewerPort = from.port
    serverSide.send(datagram, Number(port), address)
  })
  peer.received.get(kind)?.track.onMessage(packet => {
    if (!isRtp(packet)) return
    tapped.decrypted++
    const arrival = arrivals.get(sequenceOf(packet))
    if (arrival !== undefined) hops.product.push(hopUs(packet, arrival))
    arrivals.delete(sequenceOf(packet))
  })
  const own = viewerSide.address().port
  return answer.replaceAll(line, `${start} ${LOOPBACK} ${own}`)
}

async function listen(port: number): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  })
  socket.bind(port, LOOPBACK)
  await once(socket, 'listening')
  return socket
}

process.on('message', (order: Order) => {
  obey(order).then(
    received => process.send?.({ received } satisfies Reply),
    (error: unknown) =>
      process.send?.({ error: String(error) } satisfies Reply),
  )
})
// libdatachannel's threads would keep the process alive.
process.on('disconnect', () => process.exit())
