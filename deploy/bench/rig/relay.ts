import { fileURLToPath } from 'node:url'
import type { Child } from '../../../shared/test/fixtures/child.ts'
import { startPinned } from './pinned.ts'
import { cpuNs } from './process-cpu.ts'

export interface RelayOptions {
  readonly cpus: string
  readonly port: number
  /** The first of the receivers' ports. */
  readonly to: number
  readonly receivers: number
}

/** The bare UDP relay of relay.pl. */
export class Relay {
  readonly #child: Child

  private constructor(child: Child) {
    this.#child = child
  }

  static async start(options: RelayOptions): Promise<Relay> {
    const { cpus, port, to, receivers } = options
    const script = fileURLToPath(new URL('relay.pl', import.meta.url))
    const ports = Array.from({ length: receivers }, (_, i) => String(to + i))
    const command = ['perl', script, String(port), ...ports]
    const child = startPinned(cpus, command)
    await child.printed('listening')
    return new Relay(child)
  }

  /** CPU time so far, nanoseconds. */
  get cpu(): number {
    return cpuNs(this.#child.pid)
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exited
  }
}
