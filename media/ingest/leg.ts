/**
 * media/ingest brings a stream's RTP into a worker, as one leg per kind.
 * Owns: the ports of each leg, FFmpeg's arguments for it, and its health.
 * Gets: the `webrtc` object of a process, workers and ports from media/engine,
 * FFmpeg's log and progress. Gives: producers for viewers, and failures and
 * faults of the legs.
 *
 * The way of a packet: FFmpeg or an external sender -> legs/ -> a producer.
 * Video of our own FFmpeg goes straight into the worker; audio, and all that
 * external senders send, passes through a thread of this process, relay/, where
 * rtp/ rewrites it.
 * run/ writes FFmpeg's arguments and reads its log; watch/ finds faults. The
 * files at the top are what media/stream uses. To read it: this file,
 * leg-plan.ts, managed-legs.ts or external-legs.ts, then leg-monitor.ts.
 */
import type { Producer, Router } from 'mediasoup/types'

import type { MediaWorker } from '../engine/media-worker.ts'
import type { LegPlan } from './leg-plan.ts'
import type { LegOutput, LegPorts } from './run/ffmpeg-output.ts'
import type { InputFacts } from './run/input-facts.ts'
import type { Fault } from './fault.ts'
import type { UnexpectedRtp } from './relay/relay-counters.ts'

/** One kind's way into a worker. */
export interface Leg {
  readonly plan: LegPlan
  /** What viewers consume. */
  readonly producer: Producer
  /** Of external senders only. */
  readonly traffic?: LegTrafficView | undefined
  /**
   * Number of RTP packets received since the leg was opened.
   * @throws {EngineError} if the worker died
   */
  packets(): Promise<number>
  /** Releases its ports. Idempotent. */
  close(): void
}

/** What the relay thread finds in the packets of an external sender. */
export interface LegTrafficView {
  readonly unexpected: UnexpectedRtp
  /** As of the last `Leg.packets`. */
  readonly faults: readonly Fault[]
}

/** A leg that our own FFmpeg sends, from fixed ports to fixed ports. */
export interface ManagedLeg extends Leg {
  readonly ports: LegPorts
  /** Returns the output of FFmpeg's next run; the last one has ended. */
  nextRun(): Promise<LegOutput>
}

/** All legs of a stream, plus the state that survives a worker restart. */
export interface LegSet {
  /** What is known of the inputs, if our own FFmpeg reads them. */
  readonly facts?: InputFacts | undefined
  /**
   * Opens the legs in a worker; earlier ones are closed already.
   * @throws {EngineError} after closing those that were opened
   */
  open(
    worker: MediaWorker,
    router: Router,
    signal: AbortSignal,
  ): Promise<readonly Leg[]>
  /** Releases what survives a worker restart. Idempotent. */
  close(): Promise<void>
}
