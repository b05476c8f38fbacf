import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Order, Received, ReceiversPlan, Reply } from './receivers-main.ts'

/** Viewers and the relay's receivers, in a process of their own. */
export class Receivers {
  readonly #child: ChildProcess

  constructor(plan: ReceiversPlan) {
    const script = new URL('receivers-main.ts', import.meta.url)
    this.#child = fork(script, [JSON.stringify(plan)])
  }

  /**
   * Opens viewers of a stream and as many receivers of the relay; packets reach
   * all viewers. Those that are open already stay.
   */
  async open(endpoint: string, viewers: number): Promise<void> {
    await this.#ask({ do: 'open', endpoint, viewers })
  }

  /** Returns the packets that arrive while `work` runs. */
  async during(work: () => Promise<unknown>): Promise<Received> {
    await this.#ask({ do: 'start' })
    await work()
    return this.#ask({ do: 'stop' })
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  async #ask(order: Order): Promise<Received> {
    const stop = new AbortController()
    const { signal } = stop
    try {
      const replied = once(this.#child, 'message', { signal })
      const ended = once(this.#child, 'exit', { signal }).then(() => {
        throw new Error('The receivers ended')
      })
      this.#child.send(order)
      const [reply] = (await Promise.race([replied, ended])) as [Reply]
      if ('error' in reply) throw new Error(reply.error)
      return reply.received
    } finally {
      stop.abort()
    }
  }
}
