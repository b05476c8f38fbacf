import { once } from 'node:events'
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
  const stack = new Stack({
    ...options,
    onLine: (process, line) => {
      log(line.replace(/^\{/, `{"process":"${process}",`))
    },
  })
  const asked = once(signal, 'abort')
  try {
    const busy = await findBusyPorts(env)
    if (busy.length > 0) throw new StackError(busy.join('\n'))
    say(greeting(await stack.start(signal)))
    await Promise.race([stack.broken, asked])
  } catch (error) {
    if (error instanceof StackError) {
      say(error.message)
      return 1
    }
    if (!signal.aborted) throw error
  } finally {
    await stack.close()
  }
  say('Ended')
  return 0
}

function greeting({ media, exporter }: Urls): string {
  return [
    '',
    'Dragon Fork WebRTC plays:',
    '',
    `  player    ${media}/player/demo`,
    `  streams   ${media}/`,
    `  metrics   ${exporter}/metrics`,
    `  health    ${exporter}/-/healthy  ${exporter}/-/ready`,
    '',
    'Ctrl-C ends it',
    '',
  ].join('\n')
}
