/**
 * media/http is what any HTTP server of this process needs.
 * Owns: the listener and its limits, bodies, bearer tokens, CORS, rate limit,
 * and errors as application/problem+json (RFC 9457).
 * Gets: a request handler, a log, a clock. Gives: parts for whep/, web/ and
 * process/; imports none of them.
 */
import {
  createServer,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from '../../shared/runtime/log.ts'
import type { Address } from '../../shared/runtime/settings.ts'
import { answerUnparsable } from './answer-problems.ts'

/** Time for open requests to finish when the server closes, milliseconds. */
const DRAIN_TIMEOUT_MS = 2_000

const LIMITS = {
  /** Time for a client to send its whole request, milliseconds. */
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
} as const

/** Maximum number of open connections; further ones are closed at once. */
const MAX_CONNECTIONS = 10_000

/** An HTTP server with limits and a graceful close. */
export class HttpServer {
  readonly #server: Server
  readonly #log: Log
  #closed: Promise<void> | undefined

  constructor(handle: RequestListener, log: Log) {
    this.#server = createServer(LIMITS, handle)
    this.#server.on('clientError', answerUnparsable)
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#log = log
  }

  /**
   * Listens.
   * @returns the address, with the port that was chosen if 0 was requested
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
    // An error such as EMFILE loses one connection, but must not end the server.
    this.#server.on('error', (error: Error) => {
      this.#log.error('cannot accept a connection', { error })
    })
    return { host: address.address, port: address.port }
  }

  /**
   * Stops accepting connections, waits a moment for open requests, then cuts
   * off the rest. Idempotent.
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
    }, DRAIN_TIMEOUT_MS)
    await closed.promise
    clearTimeout(timer)
  }
}

/** A signal that aborts if the client disconnects before the response is out. */
export function clientAbortSignal(response: ServerResponse): AbortSignal {
  const aborted = new AbortController()
  const check = () => {
    if (!response.writableFinished) aborted.abort()
  }
  if (response.closed) check()
  else response.once('close', check)
  return aborted.signal
}
