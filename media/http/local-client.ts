import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../../shared/runtime/settings.ts'

/** Headers that a proxy adds: it may be local, but its clients are not. */
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-real-ip',
] as const

/** IPv4-mapped loopback, as IPv6 sockets and URLs write it. */
const MAPPED_LOOPBACK = /^::ffff:(127\.[\d.]+|7f[\da-f]{2}:[\da-f]{1,4})$/

/**
 * Whether the client runs on this machine. A header can only make a client
 * count as remote.
 */
export function isLocalClient(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress ?? ''
  const proxied = FORWARDED.some(name => request.headers[name] !== undefined)
  // DNS rebinding shows in Host, a cross-origin request of a page in Origin.
  const asLocal = isLocal(hostOf(request)) && !isCrossOrigin(request)
  return isLocal(address) && !proxied && asLocal
}

function isLocal(host: string): boolean {
  return isLoopback(host) || MAPPED_LOOPBACK.test(host)
}

function hostOf({ headers }: IncomingMessage): string {
  const host = (headers.host ?? '').toLowerCase()
  return /^\[(.*)\](?::\d+)?$/.exec(host)?.[1] ?? host.replace(/:\d+$/, '')
}

function isCrossOrigin({ headers: { origin, host } }: IncomingMessage) {
  return origin !== undefined && URL.parse(origin)?.host !== host
}
