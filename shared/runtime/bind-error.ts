import { codeOf } from './errors.ts'
import type { Address } from './settings.ts'

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has this port',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not use this port',
  ENOTFOUND: 'the host name is unknown',
}

/** Formats an address as `host:port`, IPv6 in brackets. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Explains why the server cannot listen on `address`, from `setting`. */
export function describeBindError(
  address: Address,
  setting: string,
  cause: unknown,
): string {
  const reason = REASONS[String(codeOf(cause))] ?? String(cause)
  return `Cannot listen on ${formatAddress(address)} (${setting}): ${reason}`
}
