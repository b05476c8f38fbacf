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

/** Time for the TCP connection and WebSocket handshake, milliseconds. */
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

/** One WebSocket to the exporter, from the first attempt to its end. */
export class Connection {
  readonly #socket: WebSocket
  readonly #events: ConnectionEvents
  readonly #clock: Clock
  #reason: DisconnectReason | undefined
  /** Cancels the one timer that runs: the heartbeat, or the close timeout. */
  #cancel: Cancel = () => undefined
  #receivedAnything = false
  #silentMs = 0

  constructor(options: {
    readonly url: URL
    readonly token: string | undefined
    readonly clock: Clock
    readonly events: ConnectionEvents
  }) {
    const { url, token, clock, events } = options
    this.#events = events
    this.#clock = clock
    this.#socket = new WebSocket(url, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      ...(token && { headers: { authorization: `Bearer ${token}` } }),
    })
    this.#listen()
  }

  /** Whether sent bytes are still waiting in this process. */
  get isBusy(): boolean {
    return this.#socket.bufferedAmount > 0
  }

  /** Sends a frame; drops it if the connection is no longer open. */
  send(frame: MediaFrame): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#socket.send(encodeFrame(frame), error => {
      if (error === undefined) this.#events.drained()
    })
  }

  /** Closes the WebSocket; terminates the socket if that takes too long. */
  end(): void {
    this.#cancel()
    this.#socket.close(1000)
    this.#cancel = this.#clock.after(CLOSE_TIMEOUT_MS, () => {
      this.#socket.terminate()
    })
  }

  /** Terminates the socket now, for `reason`. */
  terminate(reason: DisconnectReason): void {
    this.#reason ??= reason
    this.#socket.terminate()
  }

  #listen(): void {
    const socket = this.#socket
    const markAlive = () => {
      this.#receivedAnything = true
    }
    socket.on('ping', markAlive)
    socket.on('pong', markAlive)
    socket.on('message', (data, isBinary) => {
      markAlive()
      this.#read(data, isBinary)
    })
    socket.on('open', () => {
      this.#startHeartbeat()
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
      this.#cancel()
      this.#events.closed(
        this.#reason ?? reasonOfClose(code, reason.toString()),
      )
    })
  }

  #read(data: RawData, isBinary: boolean): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    try {
      if (isBinary || !Buffer.isBuffer(data)) {
        throw new ProtocolError('malformed', 'Cannot read frame: not text')
      }
      this.#events.received(decodeExporterFrame(data.toString()))
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#reason ??= reasonOfProtocol(error)
      if (error instanceof ProtocolError) {
        this.#socket.close(CLOSE_CODES[error.reason])
      }
      this.#socket.terminate()
    }
  }

  /**
   * Pings a silent exporter and disconnects after SILENCE_TIMEOUT_MS. Silence
   * is counted in intervals during which this process was running, so a freeze
   * of this process does not count as silence of the exporter.
   */
  #startHeartbeat(): void {
    this.#cancel = this.#clock.after(PING_INTERVAL_MS, () => {
      this.#silentMs = this.#receivedAnything
        ? 0
        : this.#silentMs + PING_INTERVAL_MS
      this.#receivedAnything = false
      if (this.#silentMs >= SILENCE_TIMEOUT_MS) {
        this.terminate(reasonOfTimeout('frame or pong', SILENCE_TIMEOUT_MS))
        return
      }
      if (this.#silentMs > 0) this.#socket.ping()
      this.#startHeartbeat()
    })
  }
}
