import type { ProcessReport } from '../ffmpeg/run-log.ts'
import type { SupervisorStatus } from '../ffmpeg/status.ts'
import type { Supervisor } from '../ffmpeg/supervisor.ts'
import type { Runner } from './runner.ts'
import type { StreamPort } from './stream-port.ts'

export interface OnDemandRunnerOptions {
  readonly supervisor: Supervisor
  readonly port: Pick<StreamPort, 'startOnDemand' | 'stopOnDemand'>
}

/**
 * A process with `webrtc.on_demand`: while it is started, its stream decides
 * when FFmpeg runs. The API shows FFmpeg's state: `finished` before the first
 * viewer and after the last one, and `failed` if the last attempt failed.
 */
export class OnDemandRunner implements Runner {
  readonly #options: OnDemandRunnerOptions

  constructor(options: OnDemandRunnerOptions) {
    this.#options = options
  }

  start(): void {
    this.#options.port.startOnDemand(this.#options.supervisor)
  }

  async stop(killTimeoutMs?: number): Promise<void> {
    this.#options.port.stopOnDemand()
    await this.#options.supervisor.stop(killTimeoutMs)
  }

  /** Does nothing while the stream is asleep. */
  restart(reason: string): void {
    this.#options.supervisor.restart(reason)
  }

  status(): SupervisorStatus {
    return this.#options.supervisor.status()
  }

  report(): ProcessReport {
    return this.#options.supervisor.report()
  }
}
