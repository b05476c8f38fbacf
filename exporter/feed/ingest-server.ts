import { createServer, STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { INGEST_PATH } from '../../shared/frames.ts'
import {
  MAX_FRAME_BYTES,
  MAX_FRAMES_PER_SECOND,
  PING_INTERVAL_MS,
  SILENCE_LIMIT_MS,
} from '../../shared/limits.ts'
import type { Log } from '../../shared/log.ts'
import { OnceLog } from '../../shared/once-log.ts'
import type { Address } from '../../shared/settings.ts'
import type { Clock } from '../clock.ts'
import { closeServer, listen, type Bound } from '../listen.ts'
import { isSameSecret } from '../secret.ts'
import type { TurnedAway } from '../telemetry.ts'
import { Source, type Sink, type SourceLimits } from './source.ts'

/** Most WebSockets at once, those that have not said hello included. */
const MAX_CONNECTIONS = 16

const LIMITS: SourceLimits = {
  framesPerSecond: MAX_FRAMES_PER_SECOND,
  pingIntervalMs: PING_INTERVAL_MS,
  silenceLimitMs: SILENCE_LIMIT_MS,
  closeTimeoutMs: 1_000,
  waitingFrames: 8,
}

const STATUS_OF = {
  no_such_path: 404,
  origin: 403,
  unauthorized: 401,
  too_many: 503,
  not_serving: 503,
} as const satisfies Record<TurnedAway, number>

/** Time that a request may take to come; a source sends its at once. */
const REQUEST_LIMIT_MS = 5_000

export interface IngestServerOptions {
  readonly core: string
  readonly token: string | undefined
  readonly clock: Clock
  readonly log: Log
  readonly onTurnedAway: (reason: TurnedAway) => void
  readonly limits?: SourceLimits
}

/**
 * The WebSocket server for the media process. Of several connections the one
 * that said hello last is the source; the one before is closed.
 */
export class IngestServer {
  readonly #options: IngestServerOptions
  readonly #sources = new Set<Source>()
  readonly #http = createServer(
    {
      // Or who opens connections and says nothing keeps others out.
      headersTimeout: REQUEST_LIMIT_MS,
      requestTimeout: REQUEST_LIMIT_MS,
      connectionsCheckingInterval: REQUEST_LIMIT_MS / 5,
    },
    (_request, response) => {
      response
        .writeHead(426, { Upgrade: 'websocket', Connection: 'close' })
        .end()
    },
  )
  readonly #ws = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    // A source of ours sends each frame whole; a proxy may split it.
    maxFragments: 64,
  })
  /** None before `serve` and after `dismiss`. */
  #sink: Sink | undefined
  #current: Source | undefined
  /** Who is refused comes again, every few seconds: counted, but said once. */
  readonly #refusals: OnceLog

  constructor(options: IngestServerOptions) {
    this.#options = options
    this.#refusals = new OnceLog(options.log)
    this.#http.maxConnections = 4 * MAX_CONNECTIONS
    this.#http.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head)
    })
  }

  /**
   * Binds the address. WebSockets are turned away until `serve`.
   * @throws {StartError} when the address cannot be bound
   */
  listen(address: Address): Promise<Bound> {
    const { log } = this.#options
    return listen(this.#http, address, 'EXPORTER_INGEST_ADDRESS', log)
  }

  /** Whether a media process is connected, has been welcomed and is heard. */
  isConnected(): boolean {
    return this.#current?.isHeard() ?? false
  }

  /** From now on WebSockets are taken, and `sink` gets what they bring. */
  serve(sink: Sink): void {
    this.#sink = sink
  }

  /** From now on `sink` gets nothing; who brought it something is told. */
  dismiss(): void {
    this.#sink = undefined
    for (const source of this.#sources) source.close()
  }

  /** Closes all connections and the server. */
  async close(): Promise<void> {
    this.dismiss()
    await closeServer(this.#http)
    this.#ws.close()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const sink = this.#sink
    if (sink === undefined) {
      this.#turnAway(socket, 'not_serving')
      return
    }
    const reason = this.#reasonAgainst(request)
    if (reason !== undefined) {
      this.#turnAway(socket, reason)
      return
    }
    this.#ws.handleUpgrade(request, socket, head, webSocket => {
      const { core, clock, log, limits = LIMITS } = this.#options
      const source = new Source({
        socket: webSocket,
        sink,
        core,
        clock,
        log,
        refusals: this.#refusals,
        limits,
        onWelcome: this.#welcomed,
        onGone: this.#gone,
      })
      this.#sources.add(source)
    })
  }

  #reasonAgainst({ url = '', headers }: IncomingMessage) {
    if (url.split('?')[0] !== INGEST_PATH) return 'no_such_path'
    // A browser sends Origin and cannot help it: no page may reach us.
    if (headers.origin !== undefined) return 'origin'
    const { token } = this.#options
    const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
    if (token !== undefined && !isSameSecret(given ?? '', token)) {
      return 'unauthorized'
    }
    if (this.#sources.size >= MAX_CONNECTIONS) return 'too_many'
    return undefined
  }

  #turnAway(socket: Duplex, reason: TurnedAway): void {
    this.#options.onTurnedAway(reason)
    this.#refusals.once('warn', 'connection refused', { reason }, reason)
    refuse(socket, STATUS_OF[reason])
  }

  readonly #welcomed = (source: Source): void => {
    const before = this.#current
    this.#current = source
    if (before !== source) before?.replace()
    this.#options.log.info('media connected')
    this.#refusals.forget()
  }

  readonly #gone = (source: Source): void => {
    this.#sources.delete(source)
    if (this.#current === source) this.#current = undefined
  }
}

/** Answers an upgrade with a status and ends its connection. */
function refuse(socket: Duplex, status: number): void {
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
