import {
  MAX_FRAMES_PER_SECOND,
  PING_INTERVAL_MS,
  SILENCE_TIMEOUT_MS,
} from '../shared/protocol/limits.ts'

/**
 * Limits and timeouts of the exporter, passed on whole. Those that both ends of
 * the link have to agree on are in shared/protocol/limits.ts.
 */
export interface Limits {
  /** Concurrent WebSockets, including those that have not sent a hello. */
  readonly maxMediaConnections: number
  /** Frames and pings of one connection, on average over ten seconds. */
  readonly maxFramesPerSecond: number
  /** Frames that wait to be applied before reading from a connection stops. */
  readonly maxWaitingFrames: number
  /** A connection that is silent this long is pinged. */
  readonly pingIntervalMs: number
  /** A connection that is silent this long, or sends no hello, is dropped. */
  readonly silenceTimeoutMs: number
  /** Time for the closing handshake; then the socket is terminated. */
  readonly closeTimeoutMs: number
  /** Time for an upgrade request to arrive. */
  readonly upgradeTimeoutMs: number

  /** Changes of the ledger that wait while the state file fails. */
  readonly maxWaitingChanges: number
  /** The state file is compacted when it has grown by this much. */
  readonly compactAfterBytes: number
  /** Nothing is appended to the state file beyond this size. */
  readonly maxStateBytes: number
  /** Interval between attempts to write the state file. */
  readonly stateRetryMs: number

  /** Concurrent scrapes. */
  readonly maxScrapes: number
  /** Time for a scrape, unless Prometheus requests less. */
  readonly scrapeTimeoutMs: number
  /** Concurrent probes. */
  readonly maxProbes: number
  /** Time for a probe, unless Prometheus requests another. */
  readonly probeTimeoutMs: number
  readonly minProbeTimeoutMs: number
  readonly maxProbeTimeoutMs: number
  /** Time that a probe leaves for its answer before the scrape's timeout. */
  readonly probeAnswerMs: number
  /** Time after its timeout in which the player process has to answer. */
  readonly playerOverrunTimeoutMs: number
  /** The player process ends after this time without a probe. */
  readonly playerIdleTimeoutMs: number
  /** Time for the player process to end; then it is killed. */
  readonly playerEndTimeoutMs: number

  /** TCP connections to the web server. */
  readonly maxWebConnections: number
  /** Time after which an idle connection to the web server is closed. */
  readonly keepAliveTimeoutMs: number
}

export const LIMITS: Limits = {
  maxMediaConnections: 16,
  maxFramesPerSecond: MAX_FRAMES_PER_SECOND,
  maxWaitingFrames: 8,
  pingIntervalMs: PING_INTERVAL_MS,
  silenceTimeoutMs: SILENCE_TIMEOUT_MS,
  closeTimeoutMs: 1_000,
  upgradeTimeoutMs: 5_000,

  maxWaitingChanges: 1_000,
  compactAfterBytes: 1024 * 1024,
  maxStateBytes: 256 * 1024 * 1024,
  stateRetryMs: 1_000,

  // The default of node_exporter's --web.max-requests.
  maxScrapes: 40,
  // Prometheus' own default is 10 s.
  scrapeTimeoutMs: 30_000,

  maxProbes: 2,
  probeTimeoutMs: 10_000,
  minProbeTimeoutMs: 500,
  maxProbeTimeoutMs: 15_000,
  probeAnswerMs: 500,
  playerOverrunTimeoutMs: 2_000,
  // Prometheus probes every minute.
  playerIdleTimeoutMs: 300_000,
  playerEndTimeoutMs: 1_000,

  maxWebConnections: 512,
  // Longer than usual scrape intervals: one TLS handshake serves many scrapes.
  keepAliveTimeoutMs: 75_000,
}
