import { once } from 'node:events'
import { setting } from '../setup/checkout.mjs'
import type { Command } from '../setup/death-signal.mjs'
import { findBusyPorts } from './busy-ports.ts'
import { Child } from './child.ts'

/** Generous, since the machine may be busy. */
const START_TIMEOUT_MS = 60_000
/**
 * The sum is below the 5 s within which `npm start` has to end, unless the
 * media process drains first (CORE_SHUTDOWN_DRAIN_MS).
 */
const MEDIA_STOP_TIMEOUT_MS = 2_500
const EXPORTER_STOP_TIMEOUT_MS = 1_000
/** The terminal sends Ctrl-C to this process, and npm sends it once more. */
const SAME_SIGNAL_MS = 500

export interface PlayOptions {
  readonly media: Command
  readonly exporter: Command
  readonly env: NodeJS.ProcessEnv
}

/** The processes cannot run; the message says why. */
class PlayError extends Error {}

/**
 * Runs both processes until a signal arrives or one of them ends. A second
 * signal ends a drain of the media process. Messages for
 * the user go to stdout, the logs of the processes to stderr. The exit code is
 * 0 after a signal, 1 after a failure.
 */
export async function playUntilSignal(options: PlayOptions): Promise<void> {
  const stop = new AbortController()
  const secondSignal = new AbortController()
  let firstMs = Infinity
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (performance.now() > firstMs + SAME_SIGNAL_MS) secondSignal.abort()
      firstMs = Math.min(firstMs, performance.now())
      stop.abort()
    })
  }
  for (const stream of [process.stdout, process.stderr]) {
    // The reader has exited. SIGHUP ends this process, a failed write does not.
    stream.on('error', () => undefined)
  }
  process.exitCode = await play(options, stop.signal, secondSignal.signal)
}

async function play(
  { media, exporter, env }: PlayOptions,
  signal: AbortSignal,
  secondSignal: AbortSignal,
): Promise<number> {
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  const fail = (message: string) => {
    failed.reject(new PlayError(message))
  }
  const children: Child[] = []
  let isEnding = false
  const start = (name: string, command: Command, env: NodeJS.ProcessEnv) => {
    if (isEnding) throw new PlayError('Cannot start: already stopping')
    const child = new Child(command, env, line => {
      const named = line.replace(/^\{/, `{"process":"${name}",`)
      process.stderr.write(`${named}\n`)
    })
    children.push(child)
    void child.ended.then(how => {
      fail(`The ${name} process ${how}. Its last lines:\n${child.lastLines}`)
    })
    return child
  }
  const startBoth = async () => {
    const first = start('exporter', exporter, env)
    const ingest = reachable(await first.listening('ingest'))
    const metrics = reachable(await first.listening('web'))
    const CORE_EXPORTER_URL =
      setting(env, 'CORE_EXPORTER_URL') ?? `ws://${ingest}/ingest`
    const second = start('media', media, { ...env, CORE_EXPORTER_URL })
    const web = reachable(await second.listening('web'))
    const hasTls = setting(env, 'EXPORTER_TLS_CERT_FILE') !== undefined
    return greeting(
      `http://${web}`,
      `${hasTls ? 'https' : 'http'}://${metrics}`,
      setting(env, 'EXPORTER_PROBE_URL') !== undefined,
    )
  }

  const stopped = once(signal, 'abort')
  const timer = setTimeout(() => {
    fail(`Cannot start: no answer within ${START_TIMEOUT_MS / 1000} s`)
  }, START_TIMEOUT_MS)
  try {
    const busy = await findBusyPorts(env)
    if (busy.length > 0) throw new PlayError(busy.join('\n'))
    const text = await Promise.race([startBoth(), failed.promise, stopped])
    clearTimeout(timer)
    if (typeof text === 'string') say(text)
    await Promise.race([failed.promise, stopped])
    return 0
  } catch (error) {
    if (!(error instanceof PlayError)) throw error
    say(error.message)
    return 1
  } finally {
    clearTimeout(timer)
    isEnding = true
    const [first, second] = children
    // The exporter stops last, so that it receives the last metrics.
    await second?.stopDrained(MEDIA_STOP_TIMEOUT_MS, drainMs(env), secondSignal)
    await first?.stop(EXPORTER_STOP_TIMEOUT_MS)
    if (signal.aborted) say('Ended')
  }
}

/** How long the media process waits for its viewers to leave. */
function drainMs(env: NodeJS.ProcessEnv): number {
  return Number(setting(env, 'CORE_SHUTDOWN_DRAIN_MS') ?? 0)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** The address at which this machine reaches a listener on `address`. */
function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\]):/, 'localhost:')
}

function greeting(media: string, exporter: string, probes: boolean): string {
  return [
    '',
    'Dragon Fork WebRTC is running:',
    '',
    `  player    ${media}/player/demo`,
    `  streams   ${media}/`,
    `  admin     ${media}/admin/`,
    `  metrics   ${exporter}/metrics`,
    ...(probes ? [`  proof     ${exporter}/probe?stream=demo`] : []),
    `  health    ${exporter}/-/healthy  ${exporter}/-/ready`,
    '',
    'Ctrl-C ends it',
    '',
  ].join('\n')
}
