import type { Server } from 'node:http'
import type { Log } from './log.ts'
import type { Address } from './settings.ts'

// An import of node:http would read all its exports, of which WebSocket loads
// undici: 12 ms of each start.
export const { createServer, STATUS_CODES } =
  process.getBuiltinModule('node:http')

/**
 * Binds a server. Later errors, such as EMFILE, lose one connection: they are
 * logged and do not end the server.
 * @returns the actual address, with the port that was chosen instead of 0
 * @throws {Error} such as EADDRINUSE
 */
export async function listen(
  server: Server,
  { host, port }: Address,
  log: Log,
): Promise<Address> {
  const listening = Promise.withResolvers<Address>()
  server.once('error', listening.reject)
  server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
    const bound = server.address()
    if (bound === null || typeof bound === 'string') {
      listening.reject(new Error('Cannot listen: expected a TCP address'))
    } else {
      listening.resolve({ host: bound.address, port: bound.port })
    }
  })
  const address = await listening.promise
  server.off('error', listening.reject)
  server.on('error', error => {
    log.error('cannot accept a connection', { error })
  })
  return address
}

/**
 * Stops accepting connections, closes the idle ones, and cuts off those that
 * are still busy after `drainTimeoutMs`.
 */
export async function closeServer(
  server: Server,
  drainTimeoutMs: number,
): Promise<void> {
  if (!server.listening) return
  const closed = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => {
    server.closeAllConnections()
  }, drainTimeoutMs)
  server.close(() => {
    closed.resolve(undefined)
  })
  server.closeIdleConnections()
  await closed.promise
  clearTimeout(timer)
}
