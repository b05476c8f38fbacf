import { WebSocket, type RawData } from 'ws'

import {
  CLOSE_CODES,
  decodeSinkFrame,
  encodeFrame,
  ProtocolError,
  type SinkFrame,
  type SourceFrame,
} from '../../shared/frames.ts'
import {
  MAX_FRAME_BYTES,
  PING_INTERVAL_MS,
  SILENCE_LIMIT_MS,
} from '../../shared/limits.ts'
import type { Cancel, Clock } from '../clock.ts'
import {
  troubleOfClose,
  troubleOfError,
  troubleOfProtocol,
  troubleOfSilence,
  troubleOfStatus,
  type Trouble,
} from './trouble.ts'

/** Time for the TCP connection and the WebSocket handshake. */
const HANDSHAKE_TIMEOUT_MS = 5_000

/** Time that a polite close may take before the socket is cut. */
const CLOSE_TIMEOUT_MS = 500

export interface ConnectionEvents {
  /** Frames may be sent from now on. */
  readonly opened: () => void
  readonly received: (frame: SinkFrame) => void
  /** All that was sent has been handed to the operating system. */
  readonly drained: () => void
  /** It is over; called exactly once, whoever ended it. */
  readonly closed: (trouble: Trouble) => void
}

/** Opens one WebSocket to the exporter; `closed` tells how it went. */
export class Connection {
  readonly #socket: WebSocket
  readonly #events: ConnectionEvents
  readonly #clock: Clock
  #trouble: Trouble | undefined
  /** Ends the wait for whatever is waited for now: an answer, or the end. */
  #cancel: Cancel = () => undefined
  #heard = false
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

  /** Whether something that was sent still waits in this process. */
  get busy(): boolean {
    return this.#socket.bufferedAmount > 0
  }

  /** Sends a frame; one that the connection no longer takes is dropped. */
  send(frame: SourceFrame): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#socket.send(encodeFrame(frame), error => {
      if (error === undefined) this.#events.drained()
    })
  }

  /** Says goodbye; the socket is cut when that takes too long. */
  end(): void {
    this.#cancel()
    this.#socket.close(1000)
    this.#cancel = this.#clock.after(CLOSE_TIMEOUT_MS, () => {
      this.#socket.terminate()
    })
  }

  /** Ends it now, for `trouble`. */
  cut(trouble: Trouble): void {
    this.#trouble ??= trouble
    this.#socket.terminate()
  }

  #listen(): void {
    const socket = this.#socket
    const hear = () => {
      this.#heard = true
    }
    socket.on('ping', hear)
    socket.on('pong', hear)
    socket.on('message', (data, isBinary) => {
      hear()
      this.#read(data, isBinary)
    })
    socket.on('open', () => {
      this.#watch()
      this.#events.opened()
    })
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
      this.cut(troubleOfStatus(statusCode))
    })
    socket.on('error', error => {
      // 'close' always follows; it has no reason for a failed connection.
      this.#trouble ??= troubleOfError(error)
    })
    socket.on('close', (code, reason) => {
      this.#cancel()
      this.#events.closed(
        this.#trouble ?? troubleOfClose(code, reason.toString()),
      )
    })
  }

  #read(data: RawData, isBinary: boolean): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    try {
      if (isBinary || !Buffer.isBuffer(data)) {
        throw new ProtocolError('malformed', 'Cannot read frame: not text')
      }
      this.#events.received(decodeSinkFrame(data.toString()))
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#trouble ??= troubleOfProtocol(error)
      if (error instanceof ProtocolError) {
        this.#socket.close(CLOSE_CODES[error.reason])
      }
      this.#socket.terminate()
    }
  }

  /**
   * Pings a silent exporter and gives it up in the end. Silence is counted
   * in rounds that this process lived through, so that having been frozen
   * itself is not held against the exporter.
   */
  #watch(): void {
    this.#cancel = this.#clock.after(PING_INTERVAL_MS, () => {
      this.#silentMs = this.#heard ? 0 : this.#silentMs + PING_INTERVAL_MS
      this.#heard = false
      if (this.#silentMs >= SILENCE_LIMIT_MS) {
        this.cut(troubleOfSilence('any sign of life', SILENCE_LIMIT_MS))
        return
      }
      if (this.#silentMs > 0) this.#socket.ping()
      this.#watch()
    })
  }
}
