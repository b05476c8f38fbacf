import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { NO_GAP, NO_PACKETS } from './playback.ts'
import type { FromViewers, Seat, ToViewers, ViewerStatus } from './status.ts'

const MAIN = fileURLToPath(new URL('viewers-main.ts', import.meta.url))
/** Longer than the timeouts of a POST and a DELETE. */
const LEAVE_TIMEOUT_MS = 25_000

/** Viewers in a process of their own. */
export class ViewerProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #seats: Seat[] = []
  readonly #statuses = new Map<number, ViewerStatus>()
  /** Why it ended, if that was not by `leave`. */
  #end: string | undefined
  #isLeaving = false

  constructor() {
    this.#child = fork(MAIN, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child.on('message', ({ statuses }: FromViewers) => {
      for (const status of statuses) this.#statuses.set(status.viewer, status)
    })
    const exited = Promise.withResolvers<undefined>()
    this.#exited = exited.promise
    const ended = (how: string) => {
      if (!this.#isLeaving) this.#end ??= `the process of viewers ${how}`
      exited.resolve(undefined)
    }
    this.#child.once('error', error => {
      ended(error.message)
    })
    this.#child.once('exit', (code, signal) => {
      ended(`ended with ${String(code ?? signal)}`)
    })
  }

  get pid(): number | undefined {
    return this.#end === undefined ? this.#child.pid : undefined
  }

  get size(): number {
    return this.#seats.length
  }

  /** The last known status of each viewer. */
  get statuses(): readonly ViewerStatus[] {
    return this.#seats.map(({ viewer, stream }) => {
      const status = this.#statuses.get(viewer) ?? {
        viewer,
        stream,
        age: 0,
        posted: 0,
        deleted: 0,
        longestGap: NO_GAP,
        counts: { video: NO_PACKETS, audio: NO_PACKETS },
      }
      return this.#end === undefined ? status : { ...status, end: this.#end }
    })
  }

  open(seats: readonly Seat[]): void {
    this.#seats.push(...seats)
    this.#send({ kind: 'open', seats })
  }

  /** Deletes the sessions and ends the process. Never rejects. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL')
    }, LEAVE_TIMEOUT_MS)
    this.#send({ kind: 'leave' })
    await this.#exited
    clearTimeout(timer)
  }

  #send(message: ToViewers): void {
    if (!this.#child.connected) return
    // A failure means that the child is ending, which 'exit' reports.
    this.#child.send(message, () => undefined)
  }
}
