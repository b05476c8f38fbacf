import type { WebSocket, RawData } from 'ws'
import {
  CLOSE_CODES,
  decodeSourceFrame,
  encodeFrame,
  PROTOCOL,
  ProtocolError,
  type Batch,
  type Hello,
  type SinkFrame,
  type Snapshot,
  type SourceFrame,
} from '../../shared/frames.ts'
import type { BootId, StreamId } from '../../shared/ids.ts'
import type { Log } from '../../shared/log.ts'
import type { OnceLog } from '../../shared/once-log.ts'
import type { Clock } from '../clock.ts'
import type { FrameRefusal } from '../registry/refusals.ts'
import { createFrameRate, type FrameRate } from './frame-rate.ts'

/** What a source needs of the registry. */
export interface Sink {
  hello(boot: BootId): Promise<number>
  batch(boot: BootId, batch: Batch, live: boolean): Promise<void>
  register(ids: readonly StreamId[]): Promise<void>
  show(snapshot: Snapshot): void
  dropSnapshot(): void
  refuse(reason: FrameRefusal): void
}

export interface SourceLimits {
  readonly framesPerSecond: number
  readonly pingIntervalMs: number
  /** A source that is silent for so long is cut off; also before hello. */
  readonly silenceLimitMs: number
  /** A close that the other side does not answer is forced after so long. */
  readonly closeTimeoutMs: number
  /** Frames under way to the registry before reading from it stops. */
  readonly waitingFrames: number
}

export interface SourceOptions {
  readonly socket: WebSocket
  readonly sink: Sink
  readonly core: string
  readonly clock: Clock
  readonly log: Log
  /** Where it is said why a source is refused. */
  readonly refusals: OnceLog
  readonly limits: SourceLimits
  /** Called before the welcome is sent: from now on it is the source. */
  readonly onWelcome: (source: Source) => void
  /** Called once, when the socket is gone. */
  readonly onGone: (source: Source) => void
}

/** Where a connection stands. */
export type SourceState =
  /** Open; its hello is awaited. */
  | { readonly at: 'silent' }
  /** Its hello is being kept. */
  | { readonly at: 'greeting'; readonly boot: BootId }
  /** Welcome sent; it sends what the exporter does not have yet. */
  | { readonly at: 'owing'; readonly boot: BootId }
  /** Its first snapshot came: all it owed has been taken. */
  | { readonly at: 'live'; readonly boot: BootId; readonly streams: string }
  /** Nothing is taken from it any more. */
  | { readonly at: 'closed' }

/** One connection of a media process. */
export class Source {
  readonly #options: SourceOptions
  readonly #rate: FrameRate
  readonly #beat: NodeJS.Timeout
  #state: SourceState = { at: 'silent' }
  #heardMs: number
  #beatMs: number
  /** Frames that the registry has not answered yet. */
  #waiting = 0
  #forced: NodeJS.Timeout | undefined
  #welcomed = false

  constructor(options: SourceOptions) {
    this.#options = options
    const { socket, limits, clock } = options
    this.#rate = createFrameRate(limits.framesPerSecond)
    this.#heardMs = this.#beatMs = clock.steadyMs()
    this.#beat = setInterval(() => {
      this.#checkSilence()
    }, limits.pingIntervalMs)
    socket.on('message', (data, isBinary) => {
      this.#take(() => {
        this.#apply(readFrame(data, isBinary))
      })
    })
    const takeControl = () => {
      // A ping costs an answer.
      this.#take(() => undefined)
    }
    socket.on('pong', takeControl)
    socket.on('ping', takeControl)
    socket.on('error', error => {
      this.#libraryRefused(error)
    })
    socket.on('close', code => {
      this.#gone(code)
    })
  }

  /** Where it stands now. */
  state(): SourceState {
    return this.#state
  }

  /** Whether it was welcomed and is not silent for too long. */
  isHeard(): boolean {
    const { at } = this.#state
    const welcomed = at === 'owing' || at === 'live'
    return welcomed && this.#silentMs() < this.#options.limits.silenceLimitMs
  }

  /** Ends it because another connection has taken its place. */
  replace(): void {
    this.#end(CLOSE_CODES.replaced, 'another connection has said hello')
  }

  /** Ends it because the exporter ends. */
  close(): void {
    this.#end(1001, 'the exporter ends')
  }

  /** Before its hello nothing counts, or it could stay for ever without. */
  #hear(): void {
    if (this.#state.at === 'silent') return
    this.#heardMs = this.#options.clock.steadyMs()
  }

  /** Counts what came, and applies it where it may come. */
  #take(apply: () => void): void {
    this.#hear()
    if (this.#state.at === 'closed') return
    try {
      const { clock, limits } = this.#options
      if (!this.#rate(clock.steadyMs())) {
        throw new ProtocolError(
          'too_many_frames',
          'Cannot take so many frames: limit is ' +
            `${limits.framesPerSecond} a second`,
        )
      }
      apply()
    } catch (error) {
      this.#refuse(error)
    }
  }

  #apply(frame: SourceFrame): void {
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
    if (this.#state.at !== 'silent') throw this.#outOfOrder('hello')
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
    this.#state = { at: 'greeting', boot }
    this.#hear()
    const { sink, onWelcome } = this.#options
    this.#hand(sink.hello(boot), () => {
      if (this.#state.at !== 'greeting') return
      this.#state = { at: 'owing', boot }
      this.#welcomed = true
      onWelcome(this)
      // Asked again, for the connection before may have brought more since;
      // now that this one has taken its place, it cannot.
      this.#hand(sink.hello(boot), seq => {
        this.#send({ kind: 'welcome', seq })
      })
    })
  }

  #applyBatch(batch: Batch): void {
    const state = this.#state
    if (state.at !== 'owing' && state.at !== 'live') {
      throw this.#outOfOrder('batch')
    }
    const live = state.at === 'live'
    this.#hand(this.#options.sink.batch(state.boot, batch, live), () => {
      this.#send({ kind: 'ack', seq: batch.seq })
    })
  }

  #applySnapshot(snapshot: Snapshot): void {
    const state = this.#state
    if (state.at !== 'owing' && state.at !== 'live') {
      throw this.#outOfOrder('snapshot')
    }
    this.#options.sink.show(snapshot)
    const ids = snapshot.streams.map(({ id }) => id)
    const streams = ids.join(' ')
    if (state.at === 'live' && state.streams === streams) return
    this.#state = { at: 'live', boot: state.boot, streams }
    this.#hand(this.#options.sink.register(ids), () => undefined)
  }

  #outOfOrder(kind: SourceFrame['kind']): ProtocolError {
    return new ProtocolError(
      'out_of_order',
      `Cannot take ${kind} from a source that is ${this.#state.at}`,
    )
  }

  /** Waits for the registry; reads no further while too much waits. */
  #hand<Answer>(answer: Promise<Answer>, done: (answer: Answer) => void) {
    const { limits, socket } = this.#options
    this.#waiting++
    if (this.#waiting >= limits.waitingFrames) socket.pause()
    answer
      .then(done)
      .catch((error: unknown) => {
        this.#refuse(error)
      })
      .finally(() => {
        this.#waiting--
        if (!socket.isPaused) return
        this.#hear()
        socket.resume()
      })
  }

  #send(frame: SinkFrame): void {
    if (this.#state.at === 'closed') return
    this.#options.socket.send(encodeFrame(frame))
  }

  #refuse(error: unknown): void {
    if (this.#state.at === 'closed') return
    const { log, refusals, sink } = this.#options
    if (!(error instanceof ProtocolError)) {
      // Only the state file fails here, when it is closed before its time.
      log.error('frame not applied', { error })
      this.#end(1011, 'the exporter could not apply a frame')
      return
    }
    const { reason, message } = error
    const fields = { reason, detail: message }
    refusals.once('error', 'source refused', fields, reason)
    if (reason !== 'replaced') sink.refuse(reason)
    this.#end(CLOSE_CODES[reason], message)
  }

  /** What ws itself refuses: it closes with 1002, 1007 or 1009. */
  #libraryRefused(error: Error): void {
    if (this.#state.at === 'closed') return
    const code = 'code' in error ? error.code : undefined
    if (typeof code !== 'string' || !code.startsWith('WS_ERR_')) return
    const tooLarge = code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    const reason = tooLarge ? 'too_large' : 'malformed'
    const { refusals, sink } = this.#options
    const fields = { reason, detail: error.message }
    refusals.once('error', 'source refused', fields, reason)
    sink.refuse(reason)
    this.#leave()
  }

  /** For how long nothing was heard although we listened. */
  #silentMs(): number {
    const { clock, limits, socket } = this.#options
    const nowMs = clock.steadyMs()
    // When this process itself stood still, what came meanwhile is not read.
    const stoodStill = nowMs - this.#beatMs > 2 * limits.pingIntervalMs
    return stoodStill || socket.isPaused ? 0 : nowMs - this.#heardMs
  }

  #checkSilence(): void {
    const { clock, limits, socket, log } = this.#options
    const silentMs = this.#silentMs()
    this.#beatMs = clock.steadyMs()
    if (silentMs === 0) {
      this.#hear()
    } else if (silentMs >= limits.silenceLimitMs) {
      log.warn('source is silent', { silentMs: Math.round(silentMs) })
      this.#leave()
      socket.terminate()
    } else if (silentMs >= limits.pingIntervalMs) {
      socket.ping()
    }
  }

  #end(code: number, reason: string): void {
    if (this.#state.at === 'closed') return
    const { socket, limits } = this.#options
    this.#leave()
    // RFC 6455 section 5.5: 125 bytes, two of which are the code.
    const short = Buffer.from(reason).subarray(0, 123).toString('utf8')
    socket.close(code, short.replace(/\ufffd$/, ''))
    socket.resume()
    this.#forced = setTimeout(() => {
      socket.terminate()
    }, limits.closeTimeoutMs)
  }

  /** From now on nothing is taken and nothing is sent. */
  #leave(): void {
    this.#state = { at: 'closed' }
    clearInterval(this.#beat)
  }

  #gone(code: number): void {
    const { at } = this.#state
    this.#leave()
    clearTimeout(this.#forced)
    if (this.#welcomed) this.#options.log.info('source gone', { code })
    // A media process that ends in order says so; its viewers are gone. A cut
    // link says nothing of them: the snapshot counts until it is too old.
    const saidGoodbye = code === 1000 || code === 1001
    if (at === 'live' && saidGoodbye) this.#options.sink.dropSnapshot()
    this.#options.onGone(this)
  }
}

/** @throws {ProtocolError} `malformed` */
function readFrame(data: RawData, isBinary: boolean): SourceFrame {
  if (isBinary || !Buffer.isBuffer(data)) {
    throw new ProtocolError('malformed', 'Cannot read frame: it is binary')
  }
  return decodeSourceFrame(data.toString('utf8'))
}
