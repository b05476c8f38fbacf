import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { reasonOf } from '../../shared/runtime/errors.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Limits } from '../limits.ts'
import type { FromPlayer, PlayRequest, ToPlayer } from './messages.ts'
import { ProbeError, type Outcome } from './outcome.ts'

const MAIN = fileURLToPath(new URL('player-main.ts', import.meta.url))

/** One life of the process that plays streams; see player-main.ts. */
export class PlayerProcess {
  readonly #child: ChildProcess
  readonly #limits: Limits
  readonly #log: Log
  readonly #waiting = new Map<number, PromiseWithResolvers<Outcome>>()
  readonly #exited = Promise.withResolvers<undefined>()
  #nextId = 0
  #isUsable = true

  constructor(limits: Limits, log: Log) {
    this.#limits = limits
    this.#log = log
    // The kernel kills the child when this process dies, even if it hangs
    // (PR_SET_PDEATHSIG, prctl(2)). setpriv is in util-linux.
    const tied = ['--pdeathsig', 'KILL', '--', process.execPath]
    this.#child = fork(MAIN, {
      execPath: 'setpriv',
      execArgv: [...tied, '--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#child.on('message', (message: FromPlayer) => {
      this.#receive(message)
    })
    this.#child.on('error', error => {
      const reason = reasonOf(error)
      this.#fail(`Cannot run node by setpriv of util-linux: ${reason}`)
      // Without a process there is no exit.
      if (this.#child.pid === undefined) this.#exited.resolve(undefined)
    })
    this.#child.on('exit', (code, signal) => {
      this.#fail(`The player process ended with ${signal ?? code ?? 'unknown'}`)
      this.#exited.resolve(undefined)
    })
  }

  /** Whether it accepts requests; otherwise a new one has to be started. */
  get isUsable(): boolean {
    return this.#isUsable
  }

  /**
   * Plays a stream; `aborted` ends that early.
   * @throws {ProbeError} if the process ends meanwhile, or does not answer
   */
  async play(request: PlayRequest, aborted: AbortSignal): Promise<Outcome> {
    const id = this.#nextId++
    const waiting = Promise.withResolvers<Outcome>()
    this.#waiting.set(id, waiting)
    const abort = () => {
      this.#send({ kind: 'abort', id })
    }
    const overrun = setTimeout(() => {
      this.kill('The player process does not respond')
    }, request.timeoutMs + this.#limits.playerOverrunTimeoutMs)
    aborted.addEventListener('abort', abort)
    this.#send({ kind: 'play', id, request })
    if (aborted.aborted) abort()
    try {
      return await waiting.promise
    } finally {
      clearTimeout(overrun)
      aborted.removeEventListener('abort', abort)
      this.#waiting.delete(id)
    }
  }

  /** Ends it at once; playbacks fail with `reason`. */
  kill(reason: string): void {
    this.#fail(reason)
    this.#child.kill('SIGKILL')
  }

  /** Ends it once it has left all streams; kills it if that takes too long. */
  async end(): Promise<void> {
    this.#isUsable = false
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL')
    }, this.#limits.playerEndTimeoutMs)
    if (this.#child.connected) this.#child.disconnect()
    await this.#exited.promise
    clearTimeout(timer)
  }

  #send(message: ToPlayer): void {
    if (!this.#child.connected) return
    this.#child.send(message, error => {
      if (error) this.kill(`Cannot use the player process: ${error.message}`)
    })
  }

  #receive(message: FromPlayer): void {
    const waiting = this.#waiting.get(message.id)
    switch (message.kind) {
      case 'played':
        waiting?.resolve(message.outcome)
        return
      case 'failed':
        waiting?.reject(new ProbeError(message.reason))
        return
      default:
        message satisfies never
    }
  }

  #fail(reason: string): void {
    if (this.#isUsable) this.#log.error('player process failed', { reason })
    this.#isUsable = false
    for (const { reject } of this.#waiting.values()) {
      reject(new ProbeError(reason))
    }
  }
}
