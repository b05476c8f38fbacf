import { networkInterfaces } from 'node:os'
import { findBusyPorts } from './busy-ports.ts'
import { Stack, StackError, type StackOptions, type Urls } from './stack.ts'

export interface PlayOptions extends Omit<StackOptions, 'onLine'> {
  /** Takes what is for the user. */
  readonly say: (text: string) => void
  /** Takes the log records of both processes, a line each. */
  readonly log: (line: string) => void
  /** The user has had enough. */
  readonly signal: AbortSignal
}

/**
 * Runs both processes until the signal, or until one of them ends.
 * @returns the exit code: 0 ended as asked, 1 could not start or broke
 */
export async function play(options: PlayOptions): Promise<number> {
  const { env, say, log, signal } = options
  const startedAt = performance.now()
  const stack = new Stack({
    ...options,
    onLine: (process, line) => {
      log(line.replace(/^\{/, `{"process":"${process}",`))
    },
  })
  try {
    const busy = await findBusyPorts(env)
    if (busy.length > 0) throw new StackError(busy.join('\n'))
    const urls = await stack.start(signal)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    say(greeting(urls, seconds))
    await Promise.race([stack.broken, abortOf(signal)])
    return 0
  } catch (error) {
    if (signal.aborted) return 0
    if (!(error instanceof StackError)) throw error
    say(error.message)
    return 1
  } finally {
    if (signal.aborted) say('Ending')
    await stack.close()
    if (signal.aborted) say('Ended')
  }
}

function greeting({ media, exporter }: Urls, seconds: string): string {
  const elsewhere = lanAddress()
  const lines = [
    `Dragon Fork WebRTC plays, started in ${seconds} s`,
    '',
    `  player    ${media}/player/demo`,
    `  streams   ${media}/`,
    `  metrics   ${exporter}/metrics`,
    `  health    ${exporter}/-/healthy and ${exporter}/-/ready`,
    '',
    'Ctrl-C ends it',
  ]
  return lines.join('\n')
}
