import { fileURLToPath } from 'node:url'
import { Child } from '../../../shared/test/fixtures/child.ts'

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
    const command = ['taskset', '-c', cpus, process.execPath, script] as const
    const child = new Child(command, process.env)
    const { port } = await child.logged(record => 'port' in record)
    return new BareHttp(child, `http://127.0.0.1:${String(port)}/`)
  }

  async stop(): Promise<void> {
    await this.#child.end()
  }
}
