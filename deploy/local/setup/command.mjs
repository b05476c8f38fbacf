/** Starts other programs. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram } from './checkout.mjs'
import { SetupError } from './context.mjs'
import { tied, tiedGroup } from './death-signal.mjs'

/** How many of its last lines are kept to explain why a program ended. */
const TAIL_LINES = 30
/** The time between SIGTERM and SIGKILL. */
const KILL_TIMEOUT_MS = 3000
/**
 * How long to read on after the program's end: a daemon that it started may
 * hold its output open forever.
 */
const DRAIN_TIMEOUT_MS = 500
/** @type {NodeJS.Signals[]} */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM']

/**
 * @typedef {import('./death-signal.mjs').Command} Command
 *
 * @typedef {object} StartOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv | undefined} [env]
 * @property {((line: string) => void) | undefined} [onLine] called for each
 *   line printed
 *
 * @typedef {object} RunOptions
 * @property {AbortSignal | undefined} [signal] ends the program
 * @property {boolean} [gently] passes the signal on as SIGINT and gives the
 *   program all the time it needs
 * @property {boolean} [tied] kills the program, and what it started, when this
 *   process is killed
 *
 * @typedef {StartOptions & RunOptions} CommandOptions
 *
 * @typedef {object} Outcome
 * @property {number | null} code exit code, null if a signal ended it
 * @property {string[]} tail the last lines it printed
 */

/**
 * Starts a program without input. It leads a process group, so that Ctrl-C in
 * a terminal does not reach it, and what it started can be ended with it.
 *
 * @param {Command} command
 * @param {StartOptions} options
 */
export function start([program, ...args], { onLine, ...options }) {
  const child = spawn(program, args, {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  /** @type {string[]} */
  const tail = []
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', line => {
      tail.push(line)
      if (tail.length > TAIL_LINES) tail.shift()
      onLine?.(line)
    })
  }
  const closed = once(child, 'close')
  closed.catch(() => undefined)
  const wait = async () => {
    await once(child, 'exit')
    await Promise.race([
      closed,
      delay(DRAIN_TIMEOUT_MS, undefined, { ref: false }),
    ])
    child.stdout.destroy()
    child.stderr.destroy()
    return { code: child.exitCode, signal: child.signalCode }
  }
  return {
    /** The last lines it printed. */
    tail,
    /** Resolves when it has ended; rejects if it could not be started. */
    ended: wait(),
    /** @param {NodeJS.Signals} signal */
    kill: signal => child.kill(signal),
    /** @param {NodeJS.Signals} signal */
    killGroup: signal => {
      if (child.pid === undefined) return
      try {
        process.kill(-child.pid, signal)
      } catch {
        // ESRCH: none is left. EPERM: it belongs to another user (sudo).
      }
    },
  }
}

/**
 * Runs a program to its end, together with what it started.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {CommandOptions} [options]
 * @returns {Promise<Outcome>}
 * @throws {SetupError} if it cannot be started
 * @throws the signal's reason once the program has ended because of it
 */
export async function run(program, args, options = {}) {
  const { signal, gently, tied: isTied, ...startOptions } = options
  signal?.throwIfAborted()
  const isPath = program.includes('/')
  if (!isPath && !findProgram(program, options.env ?? process.env)) {
    throw new SetupError(`Cannot run ${program}: it is not on PATH`)
  }
  /** @type {Command} */
  const command = [program, ...args]
  const child = start(isTied ? tiedGroup(command) : command, startOptions)
  /** @type {NodeJS.Timeout | undefined} */
  let killing
  const end = () => {
    if (gently) child.kill('SIGINT')
    else {
      child.killGroup('SIGTERM')
      killing = setTimeout(child.killGroup, KILL_TIMEOUT_MS, 'SIGKILL')
    }
  }
  signal?.addEventListener('abort', end, { once: true })
  try {
    const { code } = await child.ended.catch((/** @type {unknown} */ cause) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new SetupError(`Cannot run ${program}: ${reason}`)
    })
    signal?.throwIfAborted()
    return { code, tail: child.tail }
  } finally {
    clearTimeout(killing)
    signal?.removeEventListener('abort', end)
  }
}

/**
 * Runs a program on this process's terminal and returns its exit code. Signals
 * to this process are passed on, so the program may receive one twice: a
 * terminal sends Ctrl-C to both.
 *
 * @param {Command} command
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<number>}
 */
export async function handOver(command, options) {
  const [program, ...args] = tied(command)
  const child = spawn(program, args, { ...options, stdio: 'inherit' })
  /** @param {NodeJS.Signals} signal */
  const forward = signal => child.kill(signal)
  for (const signal of SIGNALS) process.on(signal, forward)
  try {
    await once(child, 'exit')
    return child.exitCode ?? 1
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward)
  }
}
