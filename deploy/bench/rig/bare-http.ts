import { fileURLToPath } from 'node:url'
import type { Child } from '../../../shared/test/fixtures/child.ts'
import { startPinned } from './pinned.ts'

/** The bare HTTP server of bare-http-main.ts. */
export class BareHttp {
  readonly #child: Child
  readonly endpoint: string

  private constructor(child: Child, endpoint: string) {
    this.#child = child
    this.endpoint = endpoint
  }

  static async start(cpus: string): Promise<BareHttp> {
    const script = fileURLToPath(new URL('bare-http-main.ts', import.meta.url))
    const child = startPinned(cpus, [process.execPath, script])
    const { port } = await child.logged(record => 'port' in record)
    return new BareHttp(child, `http://127.0.0.1:${String(port)}/`)
  }

  async stop(): Promise<void> {
    await this.#child.end()
  }
}
