import { spawn, type ChildProcess } from 'node:child_process'

import { splitLines } from './lines.ts'

/** How a child ended: one of the two is null. */
export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
}

export interface Child {
  /** undefined: it could not be spawned. */
  readonly pid: number | undefined
  /** Rejects if it cannot be spawned; then `exited` never settles. */
  readonly started: Promise<void>
  /** Resolves when the child has exited and its output has been read. */
  readonly exited: Promise<ChildExit>
  /** Signals the child and its own children; a no-op after its exit. */
  signal(name: 'SIGINT' | 'SIGKILL'): void
}

export interface ChildOptions {
  /** Absolute path. */
  readonly binary: string
  readonly args: readonly string[]
  /** A line of stderr. */
  readonly onLine: (line: string) => void
  /** A line of file descriptor PROGRESS_FD. */
  readonly onProgressLine: (line: string) => void
}

/** Not stdout, because an output of the process may write there. */
export const PROGRESS_FD = 3

/** Limit for reading pipes that grandchildren keep open after the exit. */
const DRAIN_TIMEOUT_MS = 1_000

/**
 * Starts a child without stdin and stdout, in a session of its own: Ctrl-C in
 * our terminal must not reach it before we stop it.
 */
export function startChild(options: ChildOptions): Child {
  const child = spawn(options.binary, options.args, {
    // Our environment may have secrets.
    env: {},
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    // Also emitted when a signal cannot be sent; `started` is settled by then.
    child.on('error', reject)
  })
  const exited = readUntilExit(child, options)
  return {
    pid: child.pid,
    started,
    exited,
    signal: name => {
      // After its exit the pid may be reused.
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
    // An error on a pipe is of no use: the exit of the child follows.
    pipe?.on('error', () => null)
  }
  return new Promise(resolve => {
    child.once('exit', (code, signal) => {
      const drained = setTimeout(() => {
        signalGroup(child, 'SIGKILL')
        for (const { pipe } of splitters) pipe?.destroy()
      }, DRAIN_TIMEOUT_MS)
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
