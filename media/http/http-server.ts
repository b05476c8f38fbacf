/**
 * media/http has the parts that any HTTP server of this process needs.
 * Owns: the listener and its limits, bodies, bearer tokens, CORS, rate limit,
 * and errors as application/problem+json (RFC 9457).
 * Gets: a request handler, a log, a clock. Gives: parts for whep/, web/ and
 * process/; imports none of them.
 */
import type { RequestListener, Server, ServerResponse } from 'node:http'
import {
  closeServer,
  createServer,
  listen,
} from '../../shared/runtime/http-server.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Address } from '../../shared/runtime/settings.ts'
import { createTlsServer, type TlsFiles } from '../../shared/runtime/tls.ts'
import { answerUnparsable } from './answer-problems.ts'
import type { AllowedOrigins } from './cors.ts'

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

export interface HttpServerOptions {
  readonly handle: RequestListener
  readonly allowOrigins: AllowedOrigins
  /** Serves HTTPS with these files; undefined: HTTP. */
  readonly tls?: TlsFiles
  readonly log: Log
}

/** An HTTP or HTTPS server with limits and a graceful close. */
export class HttpServer {
  readonly #server: Server
  readonly #log: Log
  #closed: Promise<void> | undefined

  constructor({ handle, allowOrigins, tls, log }: HttpServerOptions) {
    this.#server =
      tls === undefined
        ? createServer(LIMITS, handle)
        : createTlsServer(tls, LIMITS, handle, log)
    this.#server.on('clientError', (error, socket) => {
      answerUnparsable(error, socket, allowOrigins)
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#log = log
  }

  /**
   * Listens.
   * @returns the address, with the port that was chosen if 0 was requested
   * @throws {Error} such as EADDRINUSE
   */
  listen(address: Address): Promise<Address> {
    return listen(this.#server, address, this.#log)
  }

  /** Lets open requests finish for a moment, then cuts them off. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= closeServer(this.#server, DRAIN_TIMEOUT_MS)
    return this.#closed
  }
}

/** Aborts if the client disconnects before the response is sent. */
export function clientAbortSignal(response: ServerResponse): AbortSignal {
  const aborted = new AbortController()
  const check = () => {
    if (!response.writableFinished) aborted.abort()
  }
  if (response.closed) check()
  else response.once('close', check)
  return aborted.signal
}
