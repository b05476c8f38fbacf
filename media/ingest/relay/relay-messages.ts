/** What the main thread and the relay thread send each other. */
import type { Fault } from '../fault.ts'
import type { LegPlan } from '../leg-plan.ts'

/** The UDP ports of a relay; `out` is the source of what it forwards. */
export interface RelayPorts {
  readonly rtp: number
  readonly rtcp: number
  readonly out: number
}

export interface RelaySpec {
  readonly plan: LegPlan
  /** IP address to receive on. */
  readonly listen: string
  readonly ports: RelayPorts
  /** Whether to look for faults in the packets: those of external senders. */
  readonly inspect: boolean
  /** See RelayCounters. */
  readonly counters: SharedArrayBuffer
}

export interface ForwardTarget {
  /** Port of the worker's transport, on loopback. */
  readonly to: number
  /** The only source port that RTP is accepted from; undefined: any. */
  readonly senderPort: number | undefined
}

export type RelayCommand =
  | { readonly type: 'open'; readonly spec: RelaySpec }
  | { readonly type: 'forward'; readonly target: ForwardTarget }
  /** Drops all packets until the next `forward`. */
  | { readonly type: 'drop' }
  /** The next packet is a new sender's. */
  | { readonly type: 'end-sender' }
  /** Reads the packets that have arrived, then replies with the faults. */
  | { readonly type: 'inspect' }
  | { readonly type: 'close' }

export interface RelayRequest {
  readonly id: number
  /** Number of the relay. */
  readonly relay: number
  readonly command: RelayCommand
}

/** A port that the relay could not bind. */
export interface BindFailure {
  readonly port: number
  readonly message: string
  readonly inUse: boolean
}

export type RelayResult =
  | { readonly type: 'done' }
  | { readonly type: 'faults'; readonly faults: readonly Fault[] }
  | { readonly type: 'not-bound'; readonly failure: BindFailure }

/** The reply to the request of that id. */
export interface RelayReply {
  readonly id: number
  readonly result: RelayResult
}
