/** Runs other programs for the set-up: they end with it, whatever they do. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { tiedGroup } from '../run/death-signal.mjs'
import { findProgram } from './checkout.mjs'
import { SetupError } from './setup-error.mjs'

/** How many of the last lines a failed program's message carries. */
const TAIL_LINES = 30
/** How long a program may take to end after SIGTERM before SIGKILL. */
const KILL_AFTER_MS = 3000
/**
 * How long to read on after the program's end. Not for ever: a daemon that it
 * started may hold its output open.
 */
const DRAIN_MS = 500

/**
 * @typedef {object} CommandOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {(line: string) => void} [onLine] called for each line printed
 * @property {AbortSignal | undefined} [signal] ends the program
 * @property {boolean} [gently] the signal is passed on as SIGINT, and the program
 *   has all the time that it takes
 * @property {boolean} [tied] the program, and what it started, is killed if this
 *   process is
 *
 * @typedef {object} Outcome
 * @property {number | null} code exit code, null if a signal ended it
 * @property {string[]} tail the last lines it printed
 */

/**
 * Runs a program to its end, with nothing to read. It leads a process group of
 * its own, so that what it started ends with it. Rejects if it cannot be
 * started, or with the signal's reason once that has ended it.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {CommandOptions} [options]
 * @returns {Promise<Outcome>}
 */
export async function run(program, args, options = {}) {
  const { onLine, signal, gently, tied, ...spawnOptions } = options
  signal?.throwIfAborted()
  const isPath = program.includes('/')
  if (!isPath && !findProgram(program, options.env ?? process.env)) {
    throw new SetupError(`Cannot run ${program}: it is not on PATH`)
  }
  /** @type {import('../run/death-signal.mjs').Command} */
  const command = [program, ...args]
  const [first, ...rest] = tied ? tiedGroup(command) : command
  const child = spawn(first, rest, {
    ...spawnOptions,
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

  /** @type {NodeJS.Timeout | undefined} */
  let killing
  const end = () => {
    if (gently) child.kill('SIGINT')
    else {
      signalGroup(child.pid, 'SIGTERM')
      killing = setTimeout(signalGroup, KILL_AFTER_MS, child.pid, 'SIGKILL')
    }
  }
  signal?.addEventListener('abort', end, { once: true })
  try {
    /** @type {number | null} */
    const code = await new Promise((resolve, reject) => {
      child.once('error', ({ message }) => {
        reject(new SetupError(`Cannot run ${program}: ${message}`))
      })
      child.once('exit', resolve)
    })
    await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })])
    signal?.throwIfAborted()
    return { code, tail }
  } finally {
    clearTimeout(killing)
    signal?.removeEventListener('abort', end)
    child.stdout.destroy()
    child.stderr.destroy()
  }
}

/**
 * Sends a signal to a process group. One that is gone, or that belongs to
 * another user (sudo), is left alone.
 *
 * @param {number | undefined} pid the group's leader
 * @param {NodeJS.Signals} signal
 */
function signalGroup(pid, signal) {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // ESRCH or EPERM: nothing that we could do.
  }
}
