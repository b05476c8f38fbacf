import { validateHeaderValue } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { urlToHttpOptions } from 'node:url'
import { WebSocket, type RawData } from 'ws'

import {
  CLOSE_CODES,
  decodeExporterFrame,
  encodeFrame,
  ProtocolError,
  type ExporterFrame,
  type MediaFrame,
} from '../../shared/protocol/frames.ts'
import {
  MAX_FRAME_BYTES,
  PING_INTERVAL_MS,
  SILENCE_TIMEOUT_MS,
} from '../../shared/protocol/limits.ts'
import type { Cancel, Clock } from '../../shared/runtime/clock.ts'
import {
  reasonOfClose,
  reasonOfError,
  reasonOfProtocol,
  reasonOfStatus,
  reasonOfTimeout,
  type DisconnectReason,
} from './disconnect-reason.ts'

/** Time for the TCP connection, and for the WebSocket handshake, milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5_000

/** Time for the closing handshake, then the socket is terminated. */
const CLOSE_TIMEOUT_MS = 500

export interface ConnectionEvents {
  /** Frames may be sent from now on. */
  readonly opened: (connection: Connection) => void
  readonly received: (frame: ExporterFrame) => void
  /** Everything sent has been handed to the operating system. */
  readonly drained: () => void
  /** The connection is over. Called exactly once, whichever end closed it. */
  readonly closed: (reason: DisconnectReason) => void
}

/**
 * One WebSocket to the exporter, from the first attempt to its end. It starts
 * as a TCP connection: without an exporter that costs a fraction of the CPU of
 * an upgrade request, and a box without one tries it forever.
 */
export class Connection {
  readonly #url: URL
  readonly #authorization: string | undefined
  readonly #events: ConnectionEvents
  readonly #clock: Clock
  #socket: Socket | WebSocket
  #reason: DisconnectReason | undefined
  /** Cancels the one timer that runs: the heartbeat, or the close timeout. */
  #cancel: Cancel = () => undefined
  #receivedAnything = false
  #silentMs = 0

  /** @throws {TypeError} if no header can carry `token` */
  constructor(options: {
    readonly url: URL
    readonly token: string | undefined
    readonly clock: Clock
    readonly events: ConnectionEvents
  }) {
    const { url, token, clock, events } = options
    this.#url = url
    this.#events = events
    this.#clock = clock
    if (token) {
      this.#authorization = `Bearer ${token}`
      validateHeaderValue('authorization', this.#authorization)
    }
    this.#socket = this.#connect()
  }

  /** Whether sent bytes are still waiting in this process. */
  get isBusy(): boolean {
    return this.#socket instanceof WebSocket && this.#socket.bufferedAmount > 0
  }

  /** Sends a frame; drops it if the connection is no longer open. */
  send(frame: MediaFrame): void {
    const socket = this.#socket
    if (!isOpen(socket)) return
    socket.send(encodeFrame(frame), error => {
      if (error === undefined) this.#events.drained()
    })
  }

  /** Closes the WebSocket; terminates the socket if that takes too long. */
  end(): void {
    this.#cancel()
    const socket = this.#socket
    if (!(socket instanceof WebSocket)) {
      socket.destroy()
      return
    }
    socket.close(1000)
    this.#cancel = this.#clock.after(CLOSE_TIMEOUT_MS, () => {
      socket.terminate()
    })
  }

  /** Terminates the socket now, for `reason`. */
  terminate(reason: DisconnectReason): void {
    this.#reason ??= reason
    if (this.#socket instanceof WebSocket) this.#socket.terminate()
    else this.#socket.destroy()
  }

  /** Opens the TCP connection. */
  #connect(): Socket {
    const tcp = connect({
      ...addressOf(this.#url),
      timeout: HANDSHAKE_TIMEOUT_MS,
    })
    // The WebSocket takes the socket over, and reports its errors from then on.
    const isOurs = () => this.#socket === tcp
    tcp.on('connect', () => {
      if (isOurs()) this.#upgrade(tcp)
    })
    tcp.on('timeout', () => {
      if (isOurs()) tcp.destroy(new Error('Opening handshake has timed out'))
    })
    tcp.on('error', error => {
      if (isOurs()) this.#reason ??= reasonOfError(error)
    })
    tcp.on('close', () => {
      if (isOurs()) this.#closed(1006, '')
    })
    return tcp
  }

  #upgrade(tcp: Socket): void {
    try {
      this.#socket = new WebSocket(this.#url, {
        createConnection: () =>
          this.#url.protocol === 'wss:' ? overTls(tcp, this.#url) : tcp,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        maxPayload: MAX_FRAME_BYTES,
        perMessageDeflate: false,
        ...(this.#authorization && {
          headers: { authorization: this.#authorization },
        }),
      })
    } catch (error) {
      // The constructor throws for a URL that it cannot use.
      if (!(error instanceof Error)) throw error
      this.terminate({ ...reasonOfError(error), permanent: true })
      return
    }
    this.#listen(this.#socket)
  }

  #listen(socket: WebSocket): void {
    const markAlive = () => {
      this.#receivedAnything = true
    }
    socket.on('ping', markAlive)
    socket.on('pong', markAlive)
    socket.on('message', (data, isBinary) => {
      markAlive()
      this.#read(socket, data, isBinary)
    })
    socket.on('open', () => {
      this.#startHeartbeat(socket)
      this.#events.opened(this)
    })
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
      this.terminate(reasonOfStatus(statusCode))
    })
    socket.on('error', error => {
      // 'close' always follows, but without a reason if connecting failed.
      this.#reason ??= reasonOfError(error)
    })
    socket.on('close', (code, reason) => {
      this.#closed(code, reason.toString())
    })
  }

  #closed(code: number, reason: string): void {
    this.#cancel()
    this.#events.closed(this.#reason ?? reasonOfClose(code, reason))
  }

  #read(socket: WebSocket, data: RawData, isBinary: boolean): void {
    if (!isOpen(socket)) return
    try {
      if (isBinary || !Buffer.isBuffer(data)) {
        throw new ProtocolError('malformed', 'Cannot read frame: not text')
      }
      this.#events.received(decodeExporterFrame(data.toString()))
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#reason ??= reasonOfProtocol(error)
      if (error instanceof ProtocolError) {
        socket.close(CLOSE_CODES[error.reason])
      }
      socket.terminate()
    }
  }

  /**
   * Pings a silent exporter and disconnects after SILENCE_TIMEOUT_MS. Silence
   * is counted in intervals during which this process was running, so a freeze
   * of this process does not count as silence of the exporter.
   */
  #startHeartbeat(socket: WebSocket): void {
    this.#cancel = this.#clock.after(PING_INTERVAL_MS, () => {
      this.#silentMs = this.#receivedAnything
        ? 0
        : this.#silentMs + PING_INTERVAL_MS
      this.#receivedAnything = false
      if (this.#silentMs >= SILENCE_TIMEOUT_MS) {
        this.terminate(reasonOfTimeout('frame or pong', SILENCE_TIMEOUT_MS))
        return
      }
      if (this.#silentMs > 0) socket.ping()
      this.#startHeartbeat(socket)
    })
  }
}

function isOpen(socket: Socket | WebSocket): socket is WebSocket {
  return socket instanceof WebSocket && socket.readyState === WebSocket.OPEN
}

function addressOf(url: URL): { host: string; port: number } {
  const { hostname } = urlToHttpOptions(url)
  const fallback = url.protocol === 'wss:' ? 443 : 80
  return { host: hostname ?? '', port: Number(url.port || fallback) }
}

function overTls(socket: Socket, url: URL): Socket {
  // Its timeout is that of the TLS socket from here on.
  socket.setTimeout(0)
  const { host } = addressOf(url)
  return connectTls({
    socket,
    host,
    // TLS does not allow an IP address as a name.
    servername: isIP(host) === 0 ? host : '',
    timeout: HANDSHAKE_TIMEOUT_MS,
  })
}
