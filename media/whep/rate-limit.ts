import { isIPv6 } from 'node:net'
import type { Clock } from '../clock.ts'

/** Most addresses remembered; the one unseen for longest is forgotten. */
const MAX_ADDRESSES = 10_000
const MINUTE_MS = 60_000

interface Bucket {
  tokens: number
  filledMs: number
}

/**
 * A token bucket for each client address: a minute's share may come at once,
 * and refills evenly. An IPv6 client has a whole /64 to choose from, so that
 * is what counts as its address.
 */
export class RateLimit {
  readonly #perMinute: number
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  /** `perMinute` 0 limits nothing. */
  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** Takes one: 0, or the seconds until there is one again. */
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
    // Map order is age order: what was just used goes to the end.
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
