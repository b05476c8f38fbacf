/** What both HTTP servers of the exporter need, and any failure to start. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Server } from 'node:http'
import {
  describeBindError,
  formatAddress,
} from '../shared/runtime/bind-error.ts'
import type { Log } from '../shared/runtime/log.ts'
import type { Address } from '../shared/runtime/settings.ts'

/** Why the process cannot start although its settings are well-formed. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** The address a server is bound to, with the actual port instead of 0. */
export interface BoundAddress extends Address {
  /** As `host:port`, IPv6 in brackets. */
  readonly text: string
}

/**
 * Binds the server. Later errors, such as running out of file descriptors, are
 * logged and do not end the server.
 * @throws {StartError} that names `setting` and the reason
 */
export async function listen(
  server: Server,
  address: Address,
  setting: string,
  log: Log,
): Promise<BoundAddress> {
  const { host, port } = address
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (cause) {
    throw new StartError(describeBindError(address, setting, cause), { cause })
  }
  server.on('error', error => {
    log.error('server failed', { error })
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') {
    throw new StartError(
      `Cannot listen on ${formatAddress(address)} (${setting})`,
    )
  }
  const actual = { host: bound.address, port: bound.port }
  return { ...actual, text: formatAddress(actual) }
}

/** For requests in progress when their server closes. */
const CLOSE_TIMEOUT_MS = 1_000

/** Closes a server: idle connections at once, others after a timeout. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  await new Promise<void>(resolve => {
    const timer = setTimeout(() => {
      server.closeAllConnections()
    }, CLOSE_TIMEOUT_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}

/** Compares two secrets in a time that depends on neither. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
