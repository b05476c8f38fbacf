import type { Server } from 'node:http'
import { describeBindError, formatAddress } from '../shared/bind-error.ts'
import type { Log } from '../shared/log.ts'
import type { Address } from '../shared/settings.ts'
import { StartError } from './start-error.ts'

/** What is bound, with the port in place of port 0. */
export interface Bound extends Address {
  /** As `host:port`, IPv6 in brackets. */
  readonly text: string
}

/**
 * Binds the server. What goes wrong with it later, such as no file left for a
 * connection, is logged and is not its end.
 * @throws {StartError} that names `setting` and says why it cannot
 */
export async function listen(
  server: Server,
  address: Address,
  setting: string,
  log: Log,
): Promise<Bound> {
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
  const own = { host: bound.address, port: bound.port }
  return { ...own, text: formatAddress(own) }
}

/** How long a request under way may last when its server closes. */
const CLOSE_GRACE_MS = 1_000

/** Ends a server: idle connections at once, the others after a grace. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  await new Promise<void>(resolve => {
    const late = setTimeout(() => {
      server.closeAllConnections()
    }, CLOSE_GRACE_MS)
    server.close(() => {
      clearTimeout(late)
      resolve()
    })
    server.closeIdleConnections()
  })
}
