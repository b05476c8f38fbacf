/** Hands the terminal and the signals over to a program, for good. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tied } from '../run/death-signal.mjs'

/** @type {NodeJS.Signals[]} */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM']

/**
 * Runs the program in this one's place and returns its exit code. It hears
 * every signal that this process gets, and perhaps twice: a terminal sends
 * Ctrl-C to both.
 *
 * @param {import('../run/death-signal.mjs').Command} command
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<number>}
 */
export async function handOver(command, options) {
  const [program, ...args] = tied(command)
  const child = spawn(program, args, { ...options, stdio: 'inherit' })
  /** @param {NodeJS.Signals} signal */
  const passOn = signal => child.kill(signal)
  for (const signal of SIGNALS) process.on(signal, passOn)
  try {
    await once(child, 'exit')
    return child.exitCode ?? 1
  } finally {
    for (const signal of SIGNALS) process.off(signal, passOn)
  }
}
