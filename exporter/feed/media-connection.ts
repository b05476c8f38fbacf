import type { WebSocket, RawData } from 'ws'
import {
  CLOSE_CODES,
  decodeMediaFrame,
  encodeFrame,
  PROTOCOL,
  ProtocolError,
  type Batch,
  type Hello,
  type ExporterFrame,
  type Snapshot,
  type MediaFrame,
} from '../../shared/protocol/frames.ts'
import type { BootId, StreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { OnceLog } from '../../shared/runtime/once-log.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Limits } from '../limits.ts'
import type { FrameRejection } from '../registry/rejections.ts'
import { createFrameRate, type FrameRate } from './frame-rate.ts'

/** The part of the metric store that a connection needs. */
export interface FrameSink {
  hello(boot: BootId): Promise<number>
  batch(boot: BootId, batch: Batch, live: boolean): Promise<void>
  register(ids: readonly StreamId[]): Promise<void>
  show(snapshot: Snapshot): void
  dropSnapshot(): void
  reject(reason: FrameRejection): void
}

export interface MediaConnectionOptions {
  readonly socket: WebSocket
  readonly sink: FrameSink
  readonly core: string
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Log
  /** Logs each kind of rejection once. */
  readonly rejectionLog: OnceLog
  /** Called before the welcome is sent: this is now the current connection. */
  readonly onWelcome: (connection: MediaConnection) => void
  /** Called once, when the socket is closed. */
  readonly onClosed: (connection: MediaConnection) => void
}

type ConnectionState =
  /** Open; no hello yet. */
  | { readonly at: 'awaitingHello' }
  /** The store is taking its hello. */
  | { readonly at: 'handshaking'; readonly boot: BootId }
  /** Welcomed; it sends batches that the exporter does not have. */
  | { readonly at: 'catchingUp'; readonly boot: BootId }
  /** Its first snapshot has arrived, so it has caught up. */
  | { readonly at: 'live'; readonly boot: BootId; readonly streams: string }
  /** Frames are ignored. */
  | { readonly at: 'closed' }

/** One connection of a media process. */
export class MediaConnection {
  readonly #options: MediaConnectionOptions
  readonly #rate: FrameRate
  readonly #heartbeat: NodeJS.Timeout
  #state: ConnectionState = { at: 'awaitingHello' }
  #receivedMs: number
  #heartbeatMs: number
  /** Frames that the store has not answered yet. */
  #waiting = 0
  #closeTimer: NodeJS.Timeout | undefined
  #welcomed = false

  constructor(options: MediaConnectionOptions) {
    this.#options = options
    const { socket, limits, clock } = options
    this.#rate = createFrameRate(limits.maxFramesPerSecond)
    this.#receivedMs = this.#heartbeatMs = clock.steadyMs()
    this.#heartbeat = setInterval(() => {
      this.#checkSilence()
    }, limits.pingIntervalMs)
    socket.on('message', (data, isBinary) => {
      this.#receive(() => {
        this.#apply(readFrame(data, isBinary))
      })
    })
    const receiveControl = () => {
      // Control frames count towards the rate: each ping costs an answer.
      this.#receive(() => undefined)
    }
    socket.on('pong', receiveControl)
    socket.on('ping', receiveControl)
    socket.on('error', error => {
      this.#rejectInvalidFrame(error)
    })
    socket.on('close', code => {
      this.#onClosed(code)
    })
  }

  /** Whether it was welcomed and has not been silent for too long. */
  isResponsive(): boolean {
    const { at } = this.#state
    const welcomed = at === 'catchingUp' || at === 'live'
    return welcomed && this.#silentMs() < this.#options.limits.silenceTimeoutMs
  }

  /** Closes it because another connection has taken its place. */
  replace(): void {
    this.#end(CLOSE_CODES.replaced, 'another connection has sent a hello')
  }

  /** Closes it because the exporter shuts down. */
  close(): void {
    this.#end(1001, 'the exporter is shutting down')
  }

  /** Restarts the silence timeout. Before the hello, only the hello does. */
  #markReceived(): void {
    if (this.#state.at === 'awaitingHello') return
    this.#receivedMs = this.#options.clock.steadyMs()
  }

  /** Counts a frame towards the rate and applies it. */
  #receive(apply: () => void): void {
    this.#markReceived()
    if (this.#state.at === 'closed') return
    try {
      const { clock, limits } = this.#options
      if (!this.#rate(clock.steadyMs())) {
        throw new ProtocolError(
          'too_many_frames',
          'Cannot accept more frames: limit is ' +
            `${limits.maxFramesPerSecond} per second`,
        )
      }
      apply()
    } catch (error) {
      this.#reject(error)
    }
  }

  #apply(frame: MediaFrame): void {
    switch (frame.kind) {
      case 'hello':
        this.#applyHello(frame)
        return
      case 'batch':
        this.#applyBatch(frame)
        return
      case 'snapshot':
        this.#applySnapshot(frame)
        return
      default:
        frame satisfies never
    }
  }

  #applyHello({ protocol, core, boot }: Hello): void {
    if (this.#state.at !== 'awaitingHello') throw this.#outOfOrder('hello')
    if (protocol !== PROTOCOL) {
      throw new ProtocolError(
        'wrong_protocol',
        `Protocol differs: exporter has ${PROTOCOL}, media process ${protocol}`,
      )
    }
    if (core !== this.#options.core) {
      const both = [this.#options.core, core].map(id => JSON.stringify(id))
      throw new ProtocolError(
        'wrong_core',
        `CORE_ID differs: exporter has ${both.join(', media process ')}`,
      )
    }
    this.#state = { at: 'handshaking', boot }
    this.#markReceived()
    const { sink, onWelcome } = this.#options
    this.#enqueue(sink.hello(boot), () => {
      if (this.#state.at !== 'handshaking') return
      this.#state = { at: 'catchingUp', boot }
      this.#welcomed = true
      onWelcome(this)
      // Read the seq again: the previous connection may have sent batches
      // until onWelcome closed it.
      this.#enqueue(sink.hello(boot), seq => {
        this.#send({ kind: 'welcome', seq })
      })
    })
  }

  #applyBatch(batch: Batch): void {
    const state = this.#state
    if (state.at !== 'catchingUp' && state.at !== 'live') {
      throw this.#outOfOrder('batch')
    }
    const live = state.at === 'live'
    this.#enqueue(this.#options.sink.batch(state.boot, batch, live), () => {
      this.#send({ kind: 'ack', seq: batch.seq })
    })
  }

  #applySnapshot(snapshot: Snapshot): void {
    const state = this.#state
    if (state.at !== 'catchingUp' && state.at !== 'live') {
      throw this.#outOfOrder('snapshot')
    }
    this.#options.sink.show(snapshot)
    const ids = snapshot.streams.map(({ id }) => id)
    const streams = ids.join(' ')
    if (state.at === 'live' && state.streams === streams) return
    this.#state = { at: 'live', boot: state.boot, streams }
    this.#enqueue(this.#options.sink.register(ids), () => undefined)
  }

  #outOfOrder(kind: MediaFrame['kind']): ProtocolError {
    return new ProtocolError(
      'out_of_order',
      `Cannot accept ${kind} from a connection that is ${this.#state.at}`,
    )
  }

  /** Waits for the store; stops reading while too many frames wait. */
  #enqueue<Answer>(answer: Promise<Answer>, done: (answer: Answer) => void) {
    const { limits, socket } = this.#options
    this.#waiting++
    if (this.#waiting >= limits.maxWaitingFrames) socket.pause()
    answer
      .then(done)
      .catch((error: unknown) => {
        this.#reject(error)
      })
      .finally(() => {
        this.#waiting--
        if (!socket.isPaused) return
        this.#markReceived()
        socket.resume()
      })
  }

  #send(frame: ExporterFrame): void {
    if (this.#state.at === 'closed') return
    this.#options.socket.send(encodeFrame(frame))
  }

  #reject(error: unknown): void {
    if (this.#state.at === 'closed') return
    const { log, rejectionLog, sink } = this.#options
    if (!(error instanceof ProtocolError)) {
      // Too many changes are waiting for the state file, or it was closed.
      log.error('frame not applied', { error })
      this.#end(1011, 'the exporter could not apply a frame')
      return
    }
    const { reason, message } = error
    const fields = { reason, detail: message }
    rejectionLog.once('error', 'media process rejected', fields, reason)
    if (reason !== 'replaced') sink.reject(reason)
    this.#end(CLOSE_CODES[reason], message)
  }

  /** ws itself closes the socket for these, with 1002, 1007 or 1009. */
  #rejectInvalidFrame(error: Error): void {
    if (this.#state.at === 'closed') return
    const code = 'code' in error ? error.code : undefined
    if (typeof code !== 'string' || !code.startsWith('WS_ERR_')) return
    const tooLarge = code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    const reason = tooLarge ? 'too_large' : 'malformed'
    const { rejectionLog, sink } = this.#options
    const fields = { reason, detail: error.message }
    rejectionLog.once('error', 'media process rejected', fields, reason)
    sink.reject(reason)
    this.#enterClosed()
  }

  /** How long nothing has arrived while this process was reading. */
  #silentMs(): number {
    const { clock, limits, socket } = this.#options
    const nowMs = clock.steadyMs()
    // After a freeze of this process, frames that arrived are still unread.
    const wasFrozen = nowMs - this.#heartbeatMs > 2 * limits.pingIntervalMs
    return wasFrozen || socket.isPaused ? 0 : nowMs - this.#receivedMs
  }

  #checkSilence(): void {
    const { clock, limits, socket, log } = this.#options
    const silentMs = this.#silentMs()
    this.#heartbeatMs = clock.steadyMs()
    if (silentMs === 0) {
      this.#markReceived()
    } else if (silentMs >= limits.silenceTimeoutMs) {
      log.warn('media process is silent', { silentMs: Math.round(silentMs) })
      this.#enterClosed()
      socket.terminate()
    } else if (silentMs >= limits.pingIntervalMs) {
      socket.ping()
    }
  }

  #end(code: number, reason: string): void {
    if (this.#state.at === 'closed') return
    const { socket, limits } = this.#options
    this.#enterClosed()
    // RFC 6455 section 5.5: 125 bytes, two of which are the code.
    const short = Buffer.from(reason).subarray(0, 123).toString('utf8')
    socket.close(code, short.replace(/\ufffd$/, ''))
    socket.resume()
    this.#closeTimer = setTimeout(() => {
      socket.terminate()
    }, limits.closeTimeoutMs)
  }

  #enterClosed(): void {
    this.#state = { at: 'closed' }
    clearInterval(this.#heartbeat)
  }

  #onClosed(code: number): void {
    const { at } = this.#state
    this.#enterClosed()
    clearTimeout(this.#closeTimer)
    if (this.#welcomed) {
      this.#options.log.info('media process disconnected', { code })
    }
    // A media process that shut down has no viewers. After a lost connection it
    // may still have some: the snapshot is exposed until it is too old.
    const closedInOrder = code === 1000 || code === 1001
    if (at === 'live' && closedInOrder) this.#options.sink.dropSnapshot()
    this.#options.onClosed(this)
  }
}

/** @throws {ProtocolError} `malformed` */
function readFrame(data: RawData, isBinary: boolean): MediaFrame {
  if (isBinary || !Buffer.isBuffer(data)) {
    throw new ProtocolError('malformed', 'Cannot read frame: it is binary')
  }
  return decodeMediaFrame(data.toString('utf8'))
}
