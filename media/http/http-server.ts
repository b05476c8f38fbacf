import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import type { Log } from '../../shared/log.ts'
import type { Address } from '../../shared/settings.ts'
import { answerBroken } from './broken-request.ts'

/** Time that open requests have to end when the server closes, milliseconds. */
const DRAIN_MS = 2_000

const LIMITS = {
  /** A client must have sent its whole request by then, milliseconds. */
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
} as const

/** Connections at once; more are closed as they come. */
const MAX_CONNECTIONS = 10_000

/** An HTTP server with limits, and an end. */
export class HttpServer {
  readonly #server: Server
  readonly #log: Log
  #closed: Promise<void> | undefined

  constructor(handle: RequestListener, log: Log) {
    this.#server = createServer(LIMITS, handle)
    this.#server.on('clientError', answerBroken)
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#log = log
  }

  /**
   * Listens, and says where: the port is the real one where 0 was asked for.
   * @throws {Error} such as EADDRINUSE
   */
  async listen({ host, port }: Address): Promise<Address> {
    const listening = Promise.withResolvers<AddressInfo>()
    this.#server.once('error', listening.reject)
    this.#server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      const address = this.#server.address()
      if (address !== null && typeof address !== 'string') {
        listening.resolve(address)
      }
    })
    const address = await listening.promise
    this.#server.off('error', listening.reject)
    // Such as EMFILE: that connection is lost, the server must not be.
    this.#server.on('error', (error: Error) => {
      this.#log.error('cannot accept a connection', { error })
    })
    return { host: address.address, port: address.port }
  }

  /** Connections that are open. */
  async connections(): Promise<number> {
    return await promisify(this.#server.getConnections.bind(this.#server))()
  }

  /**
   * Takes no more connections, gives open requests a moment to end, then cuts
   * them off. Idempotent.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const closed = Promise.withResolvers<undefined>()
    this.#server.close(() => {
      closed.resolve(undefined)
    })
    this.#server.closeIdleConnections()
    const timer = setTimeout(() => {
      this.#server.closeAllConnections()
    }, DRAIN_MS)
    await closed.promise
    clearTimeout(timer)
  }
}
