/**
 * The WebSocket that media processes push their metrics to.
 *
 * Owns: the server on EXPORTER_INGEST_ADDRESS and the connections to it.
 * Gets: frames of media processes, as defined in shared/protocol/frames.ts.
 * Gives: hellos, batches and snapshots to the metric store, and its answers
 * back. To read it: this file, then media-connection.ts.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { INGEST_PATH } from '../../shared/protocol/frames.ts'
import { MAX_FRAME_BYTES } from '../../shared/protocol/limits.ts'
import {
  closeServer,
  createServer,
  STATUS_CODES,
} from '../../shared/runtime/http-server.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { OnceLog } from '../../shared/runtime/once-log.ts'
import { isSameSecret } from '../../shared/runtime/secret.ts'
import type { Address } from '../../shared/runtime/settings.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { DRAIN_TIMEOUT_MS, listen, type BoundAddress } from '../http-server.ts'
import type { Limits } from '../limits.ts'
import type { ConnectionRejection } from '../telemetry.ts'
import { MediaConnection, type FrameSink } from './media-connection.ts'

const STATUS_OF = {
  no_such_path: 404,
  origin: 403,
  unauthorized: 401,
  too_many: 503,
  not_serving: 503,
} as const satisfies Record<ConnectionRejection, number>

export interface IngestServerOptions {
  readonly core: string
  readonly token: string | undefined
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Log
  readonly onRejected: (reason: ConnectionRejection) => void
}

/**
 * The WebSocket server for the media process. Of several connections, the one
 * with the latest hello is current; the previous one is closed.
 */
export class IngestServer {
  readonly #options: IngestServerOptions
  readonly #http: Server
  readonly #ws = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    // The media process sends each frame whole; a proxy may fragment it.
    maxFragments: 64,
  })
  readonly #connections = new Set<MediaConnection>()
  #current: MediaConnection | undefined
  /** Undefined before `serve` and after `dismiss`. */
  #sink: FrameSink | undefined
  /** Rejected clients retry every few seconds: count all, log the first. */
  readonly #rejectionLog: OnceLog

  constructor(options: IngestServerOptions) {
    this.#options = options
    this.#rejectionLog = new OnceLog(options.log)
    const { maxMediaConnections, upgradeTimeoutMs } = options.limits
    this.#http = createServer(
      {
        // Connections that send no request must not use up the limit.
        headersTimeout: upgradeTimeoutMs,
        requestTimeout: upgradeTimeoutMs,
        connectionsCheckingInterval: upgradeTimeoutMs / 5,
      },
      (_request, response) => {
        response
          .writeHead(426, { Upgrade: 'websocket', Connection: 'close' })
          .end()
      },
    )
    this.#http.maxConnections = 4 * maxMediaConnections
    this.#http.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head)
    })
  }

  /**
   * Binds the address. Connections are rejected until `serve`.
   * @throws {StartError} if the address cannot be bound
   */
  listen(address: Address): Promise<BoundAddress> {
    const { log } = this.#options
    return listen(this.#http, address, 'EXPORTER_INGEST_ADDRESS', log)
  }

  /** Whether a media process is connected, welcomed and not silent. */
  isConnected(): boolean {
    return this.#current?.isResponsive() ?? false
  }

  /** Accepts connections from now on; their frames go to `sink`. */
  serve(sink: FrameSink): void {
    this.#sink = sink
  }

  /** Closes all connections and rejects new ones. */
  dismiss(): void {
    this.#sink = undefined
    for (const connection of this.#connections) connection.close()
  }

  /** Closes all connections and the server. */
  async close(): Promise<void> {
    this.dismiss()
    await closeServer(this.#http, DRAIN_TIMEOUT_MS)
    this.#ws.close()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const sink = this.#sink
    if (sink === undefined) {
      this.#reject(socket, 'not_serving')
      return
    }
    const reason = this.#reasonToReject(request)
    if (reason !== undefined) {
      this.#reject(socket, reason)
      return
    }
    this.#ws.handleUpgrade(request, socket, head, webSocket => {
      const { core, clock, log, limits } = this.#options
      const connection = new MediaConnection({
        socket: webSocket,
        sink,
        core,
        limits,
        clock,
        log,
        rejectionLog: this.#rejectionLog,
        onWelcome: this.#onWelcome,
        onClosed: this.#onClosed,
      })
      this.#connections.add(connection)
    })
  }

  #reasonToReject({ url = '', headers }: IncomingMessage) {
    if (url.split('?')[0] !== INGEST_PATH) return 'no_such_path'
    // Browsers always send Origin: no web page may connect.
    if (headers.origin !== undefined) return 'origin'
    const { token, limits } = this.#options
    const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
    if (token !== undefined && !isSameSecret(given ?? '', token)) {
      return 'unauthorized'
    }
    if (this.#connections.size >= limits.maxMediaConnections) return 'too_many'
    return undefined
  }

  #reject(socket: Duplex, reason: ConnectionRejection): void {
    this.#options.onRejected(reason)
    this.#rejectionLog.once('warn', 'connection rejected', { reason }, reason)
    answerAndClose(socket, STATUS_OF[reason])
  }

  readonly #onWelcome = (connection: MediaConnection): void => {
    const previous = this.#current
    this.#current = connection
    if (previous !== connection) previous?.replace()
    this.#options.log.info('media process connected')
    this.#rejectionLog.forget()
  }

  readonly #onClosed = (connection: MediaConnection): void => {
    this.#connections.delete(connection)
    if (this.#current === connection) this.#current = undefined
  }
}

/** Answers an upgrade request with a status and closes its connection. */
function answerAndClose(socket: Duplex, status: number): void {
  socket.on('error', () => {
    socket.destroy()
  })
  const authenticate = status === 401 ? 'WWW-Authenticate: Bearer\r\n' : ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${authenticate}` +
      'Connection: close\r\nContent-Length: 0\r\n\r\n',
    () => {
      socket.destroy()
    },
  )
}
