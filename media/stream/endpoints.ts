import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { IceCandidate, TransportListenInfo } from 'mediasoup/types'
import type { SharedPort } from '../engine/viewer-server.ts'

/** A listen address of a viewer's transport, and its public addresses. */
export interface Endpoint {
  readonly listen: string
  /** At least one; mediasoup announces the first by itself. */
  readonly announced: readonly string[]
}

export interface Addresses {
  /** IP addresses, including wildcards. */
  readonly listen: readonly string[]
  /** IP addresses; empty: the listen addresses, or those of the host. */
  readonly announced: readonly string[]
}

/**
 * Returns the endpoints of one viewer, one per listen address. If a family has
 * as many announced as listen addresses (one NAT each), they are paired in
 * order; otherwise each listen address gets all announced ones of its family.
 */
export function endpoints(
  { listen, announced }: Addresses,
  hostAddresses: () => readonly string[] = readHostAddresses,
): readonly Endpoint[] {
  return listen.map(address => {
    const sameFamily = (other: string) => isIPv6(other) === isIPv6(address)
    const given = announced.filter(sameFamily)
    const index = listen.filter(sameFamily).indexOf(address)
    const paired = given.length === listen.filter(sameFamily).length
    const own = paired ? given.slice(index, index + 1) : given
    if (own.length > 0) return { listen: address, announced: own }
    if (!isWildcard(address)) return { listen: address, announced: [address] }
    const host = hostAddresses().filter(sameFamily)
    const loopback = isIPv6(address) ? '::1' : '127.0.0.1'
    return { listen: address, announced: host.length > 0 ? host : [loopback] }
  })
}

/** The endpoint in mediasoup's terms. */
export function listenInfo(
  protocol: 'udp' | 'tcp',
  { listen, announced }: Endpoint,
  port: number,
): TransportListenInfo {
  const [announcedAddress] = announced
  return {
    protocol,
    ip: listen,
    port,
    ...(announcedAddress !== undefined && { announcedAddress }),
    // Dual stack is configured as two listen addresses.
    ...(isIPv6(listen) && { flags: { ipv6Only: true } }),
  }
}

/** The port that viewers share, on all listen addresses. */
export function sharedPort(
  addresses: Addresses,
  { port, tcp, setting }: Omit<SharedPort, 'listenInfos'> & { tcp: boolean },
): SharedPort {
  const sockets = endpoints(addresses)
  const protocols = tcp ? (['udp', 'tcp'] as const) : (['udp'] as const)
  return {
    port,
    listenInfos: bound =>
      // mediasoup gives priorities in this order.
      protocols.flatMap(protocol =>
        sockets.map(socket => listenInfo(protocol, socket, bound)),
      ),
    setting,
  }
}

/**
 * Returns a candidate per announced address, UDP first. mediasoup creates one
 * per socket; the further ones differ from it in address, foundation and
 * priority.
 */
export function allCandidates(
  created: readonly IceCandidate[],
  sockets: readonly Endpoint[],
): readonly IceCandidate[] {
  const candidates = created.flatMap(candidate => {
    const sameProtocol = created.filter(
      ({ protocol }) => protocol === candidate.protocol,
    )
    // A shared port was bound when other addresses may have been announced.
    const socket = sockets[sameProtocol.indexOf(candidate)]
    const [address = candidate.address, ...others] = socket?.announced ?? []
    return [
      { ...candidate, ip: address, address },
      ...others.map(withAddress(candidate)),
    ]
  })
  const isUdp = ({ protocol }: IceCandidate) => protocol === 'udp'
  return [
    ...candidates.filter(isUdp),
    ...candidates.filter(candidate => !isUdp(candidate)),
  ]
}

/** RFC 8445 section 5.1.2: priorities within a component are unique. */
function withAddress(candidate: IceCandidate) {
  return (address: string, index: number): IceCandidate => ({
    ...candidate,
    ip: address,
    address,
    // RFC 8445 section 5.1.1.3: a foundation per base address.
    foundation: `${candidate.foundation}${index + 1}`,
    priority: candidate.priority - (index + 1) * PRIORITY_STEP,
  })
}

/** One step of local preference; mediasoup lowers it by 100 per socket. */
const PRIORITY_STEP = 2 ** 8

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

function readHostAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address)
}
