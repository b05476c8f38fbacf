import { setting } from '../setup/checkout.mjs'
import { Child } from './child.ts'
import type { Command } from './death-signal.mjs'
import { healthy } from './healthy.ts'

/** What the two may take until they answer; the machine may be busy. */
const START_WITHIN_MS = 60_000
/** Together with the exporter's, less than the 5 s that an end may take. */
const MEDIA_GRACE_MS = 2_500
const EXPORTER_GRACE_MS = 1_000

export interface StackOptions {
  readonly media: Command
  readonly exporter: Command
  readonly env: NodeJS.ProcessEnv
  /** Gets every line that a process prints. */
  readonly onLine: (process: Name, line: string) => void
}

export type Name = 'media' | 'exporter'

/** Where the two answer: URLs without a slash at the end. */
export type Urls = Readonly<Record<Name, string>>

/** The two processes cannot run; the message says which and why. */
export class StackError extends Error {
  override readonly name = 'StackError'
}

/** Both processes: the exporter, and the media process that pushes to it. */
export class Stack {
  readonly #options: StackOptions
  readonly #children: Child[] = []
  readonly #broken = Promise.withResolvers<never>()
  #closing: Promise<void> | undefined

  constructor(options: StackOptions) {
    this.#options = options
    // Not everybody waits for it.
    this.#broken.promise.catch(() => undefined)
  }

  /** Rejects with a StackError when one of the two ends. Never resolves. */
  get broken(): Promise<never> {
    return this.#broken.promise
  }

  /**
   * Starts both and waits until both answer. The caller owes a `close()`, also
   * when this fails.
   * @throws {StackError} if one ends or does not answer
   */
  async start(signal: AbortSignal): Promise<Urls> {
    const limit = AbortSignal.timeout(START_WITHIN_MS)
    const either = AbortSignal.any([signal, limit])
    try {
      return await Promise.race([
        this.#open(either),
        this.broken,
        rejectionOf(either),
      ])
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error
      const seconds = START_WITHIN_MS / 1000
      throw new StackError(`Cannot start: no answer within ${seconds} s`)
    }
  }

  /** Ends both, the exporter last: it is told what ends. At most 5 s. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #open(signal: AbortSignal): Promise<Urls> {
    const { env } = this.#options
    const exporter = this.#spawn('exporter', env)
    const ingest = await exporter.listening('ingest')
    const metrics = await exporter.listening('web')
    const media = this.#spawn('media', {
      ...env,
      CORE_EXPORTER_URL:
        setting(env, 'CORE_EXPORTER_URL') ?? `ws://${reachable(ingest)}/ingest`,
    })
    const tls = setting(env, 'EXPORTER_TLS_CERT_FILE') !== undefined
    const urls = {
      media: `http://${reachable(await media.listening('web'))}`,
      exporter: `${tls ? 'https' : 'http'}://${reachable(metrics)}`,
    }
    await healthy(`${urls.media}/`, signal)
    await healthy(`${urls.exporter}/-/ready`, signal)
    return urls
  }

  #spawn(name: Name, env: NodeJS.ProcessEnv): Child {
    if (this.#closing) throw new StackError('Cannot start: already closed')
    const { [name]: command, onLine } = this.#options
    const child = new Child({
      command,
      env,
      onLine: line => {
        onLine(name, line)
      },
    })
    this.#children.push(child)
    void child.ended.then(how => {
      this.#broken.reject(
        new StackError(
          `The ${name} process ${how}. Its last words:\n${child.lastWords}`,
        ),
      )
    })
    return child
  }

  async #end(): Promise<void> {
    const [exporter, media] = this.#children
    await media?.stop(MEDIA_GRACE_MS)
    await exporter?.stop(EXPORTER_GRACE_MS)
  }
}

/** Where this machine reaches what listens on `address`. */
function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\]):/, 'localhost:')
}

/** A promise that rejects when the signal aborts. */
function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('Aborted', { cause: signal.reason }))
    })
  })
}
