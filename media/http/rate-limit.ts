import { isIPv6 } from 'node:net'
import type { Clock } from '../../shared/runtime/clock.ts'

/** Maximum number of tracked addresses; beyond it the least recent is dropped. */
const MAX_ADDRESSES = 10_000
const MINUTE_MS = 60_000

interface Bucket {
  tokens: number
  filledMs: number
}

/**
 * A token bucket per client address: it holds one minute's worth of requests
 * and refills evenly. IPv6 addresses are grouped by /64, since one client
 * usually has a whole /64 to choose from.
 */
export class RateLimit {
  readonly #perMinute: number
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  /** `perMinute` 0 means no limit. */
  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /**
   * Takes a token.
   * @returns 0, or the seconds until the next token if there is none
   */
  take(address: string): number {
    if (this.#perMinute === 0) return 0
    const bucket = this.#refilled(networkOf(address))
    if (bucket.tokens >= 1) {
      bucket.tokens--
      return 0
    }
    const missing = 1 - bucket.tokens
    return Math.ceil((missing * 60) / this.#perMinute)
  }

  #refilled(network: string): Bucket {
    const nowMs = this.#clock.steadyMs()
    const bucket = this.#buckets.get(network) ?? {
      tokens: this.#perMinute,
      filledMs: nowMs,
    }
    const gained = ((nowMs - bucket.filledMs) / MINUTE_MS) * this.#perMinute
    bucket.tokens = Math.min(this.#perMinute, bucket.tokens + gained)
    bucket.filledMs = nowMs
    // Maps iterate in insertion order: move the bucket to the end.
    this.#buckets.delete(network)
    this.#buckets.set(network, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > MAX_ADDRESSES && oldest !== undefined) {
      this.#buckets.delete(oldest)
    }
    return bucket
  }
}

function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(8 - left.length - right.length).fill('0')
  const groups = tail === undefined ? left : [...left, ...zeros, ...right]
  return `${groups.slice(0, 4).join(':')}::/64`
}
