import { parseArgs } from 'node:util'
import { reasonOf } from '../../shared/runtime/errors.ts'
import { parseStreamId } from '../../shared/protocol/ids.ts'

/** A running installation. */
export interface Target {
  /** Base URL of the media process, without a trailing slash. */
  readonly url: string
  /** Base URL of its Prometheus, without a trailing slash. */
  readonly prometheus: string
}

export interface LoadOptions {
  /** Viewers at the start. */
  readonly viewers: number
  readonly minutes: number
  /** Undefined: start the local installation. */
  readonly target: Target | undefined
  /** Undefined: all streams that are live. */
  readonly stream: string | undefined
  /** Viewers to add in each step; undefined: none. */
  readonly ramp: number | undefined
}

/** An argument that cannot be used. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Bounds the processes and ports that this machine needs. */
export const MAX_VIEWERS = 500
const MAX_MINUTES = 24 * 60

export const USAGE = `npm run load -- [options]

  --viewers N        viewers at the start, 1 to ${MAX_VIEWERS}; default 5
  --minutes N        how long they watch, at most ${MAX_MINUTES}; default 10
  --url URL          media process of a running installation; needs --prometheus
  --prometheus URL   its Prometheus
  --stream ID        watch this stream; default: all live streams in turn
  --ramp N           add N viewers at a time until the installation is full

Without --url it starts the local installation and a Prometheus. CORE_WHEP_TOKEN,
CORE_API_TOKEN and CORE_ID are those of the installation, as far as it has them.
`

/**
 * Reads the command line.
 * @throws {UsageError} that says what was expected
 */
export function readOptions(args: readonly string[]): LoadOptions {
  const { viewers, minutes, url, prometheus, stream, ramp } = valuesOf(args)
  if ((url === undefined) !== (prometheus === undefined)) {
    throw new UsageError('Expected --url and --prometheus together, got one')
  }
  return {
    viewers: wholeNumber('--viewers', viewers, MAX_VIEWERS),
    minutes: minutesOf(minutes),
    target:
      url === undefined || prometheus === undefined
        ? undefined
        : {
            url: baseUrl('--url', url),
            prometheus: baseUrl('--prometheus', prometheus),
          },
    stream: stream === undefined ? undefined : streamId(stream),
    ramp:
      ramp === undefined ? undefined : wholeNumber('--ramp', ramp, MAX_VIEWERS),
  }
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        viewers: { type: 'string', default: '5' },
        minutes: { type: 'string', default: '10' },
        url: { type: 'string' },
        prometheus: { type: 'string' },
        stream: { type: 'string' },
        ramp: { type: 'string' },
      },
    }).values
  } catch (cause) {
    throw new UsageError(reasonOf(cause), { cause })
  }
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (value >= 1 && value <= max) return value
  throw new UsageError(
    `${name}: expected a whole number from 1 to ${max}, got ${JSON.stringify(text)}`,
  )
}

function minutesOf(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  if (value > 0 && value <= MAX_MINUTES) return value
  throw new UsageError(
    `--minutes: expected a number above 0, at most ${MAX_MINUTES}, ` +
      `got ${JSON.stringify(text)}`,
  )
}

function baseUrl(name: string, text: string): string {
  const url = URL.parse(text)
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === null || !isHttp || url.search !== '' || url.hash !== '') {
    throw new UsageError(
      `${name}: expected an http or https URL without query, ` +
        `got ${JSON.stringify(text)}`,
    )
  }
  return url.href.replace(/\/+$/, '')
}

function streamId(text: string): string {
  try {
    return parseStreamId(text)
  } catch (cause) {
    throw new UsageError(`--stream: ${reasonOf(cause)}`, { cause })
  }
}
