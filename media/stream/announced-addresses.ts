import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { reasonOf } from '../../shared/runtime/errors.ts'
import type { Cancel, Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'

export interface AnnouncedAddressesOptions {
  /** IP addresses and host names, in the order of their candidates. */
  readonly entries: readonly string[]
  /** The setting that has the entries, for messages. */
  readonly setting: string
  readonly clock: Clock
  readonly log: Log
  /** Returns all IP addresses of a host name, or rejects. */
  readonly resolve?: (name: string) => Promise<readonly string[]>
}

const RESOLVE_INTERVAL_MS = 30_000

/** The last good answer for a host name. */
interface Resolved {
  readonly addresses: readonly string[]
  readonly atMs: number
}

/**
 * The addresses that candidates announce. Host names are resolved at the start
 * and every 30 s, as the address of a home changes; while that fails, the last
 * good answer stays. Established viewers are not affected.
 */
export class AnnouncedAddresses {
  readonly #options: AnnouncedAddressesOptions
  readonly #resolved = new Map<string, Resolved>()
  readonly #failing = new Set<string>()
  #cancel: Cancel = () => undefined
  #closed = false

  private constructor(options: AnnouncedAddressesOptions) {
    this.#options = options
  }

  /** Resolves all names once; those that fail are logged and tried again. */
  static async start(
    options: AnnouncedAddressesOptions,
  ): Promise<AnnouncedAddresses> {
    const addresses = new AnnouncedAddresses(options)
    await addresses.#resolveAll()
    return addresses
  }

  /** The present IP addresses, without duplicates. */
  get current(): readonly string[] {
    const all = this.#options.entries.flatMap(entry =>
      isHostName(entry) ? (this.#resolved.get(entry)?.addresses ?? []) : entry,
    )
    return [...new Set(all)]
  }

  /** Ends the timer. Idempotent. */
  close(): void {
    this.#closed = true
    this.#cancel()
  }

  async #resolveAll(): Promise<void> {
    const names = this.#options.entries.filter(isHostName)
    if (names.length === 0) return
    await Promise.all(names.map(name => this.#resolve(name)))
    if (this.#closed) return
    this.#cancel = this.#options.clock.after(RESOLVE_INTERVAL_MS, () => {
      // Never rejects.
      void this.#resolveAll()
    })
  }

  async #resolve(name: string): Promise<void> {
    const { clock, log, setting, resolve = resolveHost } = this.#options
    const last = this.#resolved.get(name)
    try {
      const addresses = await resolve(name)
      this.#resolved.set(name, { addresses, atMs: clock.steadyMs() })
      const wasFailing = this.#failing.delete(name)
      const isNew = addresses.join() !== last?.addresses.join()
      if (isNew || wasFailing) {
        log.info('host name resolved', { setting, name })
      }
    } catch (error) {
      if (this.#failing.has(name)) return
      this.#failing.add(name)
      const ageMs = last && Math.round(clock.steadyMs() - last.atMs)
      log.error('cannot resolve host name', {
        setting,
        name,
        reason: reasonOf(error),
        ...(ageMs !== undefined && { lastGoodAgeMs: ageMs }),
      })
    }
  }
}

function isHostName(entry: string): boolean {
  return isIP(entry) === 0
}

async function resolveHost(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true })
  return found.map(({ address }) => address)
}
