import { spawn, type ChildProcess } from 'node:child_process'

import { splitLines } from './lines.ts'

/** How a child ended: one of the two is null. */
export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
}

export interface Child {
  /** undefined: it could not be started. */
  readonly pid: number | undefined
  /** Rejects where the system cannot start it; then `exited` never settles. */
  readonly started: Promise<void>
  /** Settles when the child is gone and all that it said was read. */
  readonly exited: Promise<ChildExit>
  /** Signals the child and what it started itself; does nothing after. */
  signal(name: 'SIGINT' | 'SIGKILL'): void
}

export interface ChildOptions {
  /** Absolute path. */
  readonly binary: string
  readonly args: readonly string[]
  /** A line of stderr. */
  readonly onLine: (line: string) => void
  /** A line that the child wrote to file descriptor PROGRESS_FD. */
  readonly onProgressLine: (line: string) => void
}

/** Not stdout: a process may have an output that writes there. */
export const PROGRESS_FD = 3

/** What a child's own children hold open is not waited for any longer. */
const DRAIN_MS = 1_000

/**
 * Starts a child without stdin and stdout, in a session of its own, so that a
 * Ctrl-C in our terminal does not reach it before we ask it to stop.
 */
export function startChild(options: ChildOptions): Child {
  const child = spawn(options.binary, options.args, {
    // Secrets of ours are none of a child's business.
    env: {},
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    // Also told when a signal cannot be sent; then it changes nothing.
    child.on('error', reject)
  })
  const exited = readUntilExit(child, options)
  return {
    pid: child.pid,
    started,
    exited,
    signal: name => {
      // Once it is waited for, its pid may be somebody else's.
      if (child.exitCode === null && child.signalCode === null) {
        signalGroup(child, name)
      }
    },
  }
}

function readUntilExit(
  child: ChildProcess,
  { onLine, onProgressLine }: ChildOptions,
): Promise<ChildExit> {
  const splitters = [
    { pipe: child.stderr, lines: splitLines(onLine) },
    { pipe: child.stdio[PROGRESS_FD], lines: splitLines(onProgressLine) },
  ]
  for (const { pipe, lines } of splitters) {
    pipe?.on('data', (chunk: Buffer) => {
      lines.push(chunk)
    })
    // A broken pipe ends with the child; there is nobody else to tell.
    pipe?.on('error', () => null)
  }
  return new Promise(resolve => {
    child.once('exit', (code, signal) => {
      const drained = setTimeout(() => {
        signalGroup(child, 'SIGKILL')
        for (const { pipe } of splitters) pipe?.destroy()
      }, DRAIN_MS)
      child.once('close', () => {
        clearTimeout(drained)
        for (const { lines } of splitters) lines.end()
        resolve({ code, signal })
      })
    })
  })
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // The group is gone.
  }
}
