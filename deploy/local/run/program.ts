import { play, type PlayOptions } from './play.ts'

/**
 * Plays as a program: until a signal ends it. What is for the user goes to
 * stdout, the processes' logs to stderr.
 */
export async function runUntilSignal(
  options: Pick<PlayOptions, 'media' | 'exporter' | 'env'>,
): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stop.abort()
    })
  }
  for (const stream of [process.stdout, process.stderr]) {
    // The terminal or the reader of the pipe is gone: SIGHUP ends us, not this.
    stream.on('error', () => undefined)
  }
  process.exitCode = await play({
    ...options,
    say: text => process.stdout.write(`${text}\n`),
    log: line => process.stderr.write(`${line}\n`),
    signal: stop.signal,
  })
}
