import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { IceCandidate, TransportListenInfo } from 'mediasoup/types'

/** A socket that a viewer's transport listens on, and what viewers call it. */
export interface Endpoint {
  readonly listen: string
  /** At least one; the first is what mediasoup itself announces. */
  readonly announced: readonly string[]
}

export interface Addresses {
  /** IP addresses, wildcards too. */
  readonly listen: readonly string[]
  /** IP addresses; none: the listen address, or the host's own. */
  readonly announced: readonly string[]
}

/**
 * The sockets of one viewer: one per listen address. A listen address gets the
 * announced addresses of its family: the one at its own place where there are
 * as many as listen addresses (one NAT each), else all of them.
 */
export function endpoints(
  { listen, announced }: Addresses,
  hostAddresses: () => readonly string[] = readHostAddresses,
): readonly Endpoint[] {
  return listen.map(address => {
    const sameFamily = (other: string) => isIPv6(other) === isIPv6(address)
    const given = announced.filter(sameFamily)
    const place = listen.filter(sameFamily).indexOf(address)
    const paired = given.length === listen.filter(sameFamily).length
    const own = paired ? given.slice(place, place + 1) : given
    if (own.length > 0) return { listen: address, announced: own }
    if (!isWildcard(address)) return { listen: address, announced: [address] }
    const host = hostAddresses().filter(sameFamily)
    const loopback = isIPv6(address) ? '::1' : '127.0.0.1'
    return { listen: address, announced: host.length > 0 ? host : [loopback] }
  })
}

/** How mediasoup is told to listen on an endpoint. */
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
    // IPv4 has a listen address of its own.
    ...(isIPv6(listen) && { flags: { ipv6Only: true } }),
  }
}

/**
 * A candidate per announced address: mediasoup makes one per socket, the
 * others differ from it in their address only. UDP comes before TCP.
 */
export function allCandidates(
  made: readonly IceCandidate[],
  sockets: readonly Endpoint[],
): readonly IceCandidate[] {
  const candidates = made.flatMap(candidate => {
    const socket = sockets.find(({ announced }) =>
      announced.includes(candidate.address),
    )
    const others = socket?.announced.filter(
      address => address !== candidate.address,
    )
    return [candidate, ...(others ?? []).map(alsoAt(candidate))]
  })
  const isUdp = ({ protocol }: IceCandidate) => protocol === 'udp'
  return [
    ...candidates.filter(isUdp),
    ...candidates.filter(candidate => !isUdp(candidate)),
  ]
}

/** RFC 8445 section 5.1.2: candidates of one component differ in priority. */
function alsoAt(candidate: IceCandidate) {
  return (address: string, index: number): IceCandidate => ({
    ...candidate,
    ip: address,
    address,
    // RFC 8445 section 5.1.1.3: another base address, another foundation.
    foundation: `${candidate.foundation}${index + 1}`,
    priority: candidate.priority - (index + 1) * PRIORITY_STEP,
  })
}

/** One step of the local preference, which mediasoup lowers by 100 a socket. */
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
