/** Binds the exporter's two HTTP servers. */
import type { Server } from 'node:http'
import {
  describeBindError,
  formatAddress,
} from '../shared/runtime/bind-error.ts'
import { listen as bind } from '../shared/runtime/http-server.ts'
import type { Log } from '../shared/runtime/log.ts'
import type { Address } from '../shared/runtime/settings.ts'

/** Time for open requests to finish when a server closes, milliseconds. */
export const DRAIN_TIMEOUT_MS = 1_000

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
 * Binds the server.
 * @throws {StartError} that names `setting` and the reason
 */
export async function listen(
  server: Server,
  address: Address,
  setting: string,
  log: Log,
): Promise<BoundAddress> {
  try {
    const actual = await bind(server, address, log)
    return { ...actual, text: formatAddress(actual) }
  } catch (cause) {
    throw new StartError(describeBindError(address, setting, cause), { cause })
  }
}
