import type { Context } from 'koa'
import { Gauge, Registry as PromRegistry } from 'prom-client'
import { parseStreamId, type StreamId } from '../../shared/protocol/ids.ts'
import { reasonOf } from '../../shared/runtime/errors.ts'
import type { Limits } from '../limits.ts'
import {
  FAILURES,
  KINDS,
  PHASES,
  ProbeError,
  type Outcome,
} from '../probe/outcome.ts'
import type { Format } from './formats.ts'
import { chooseFormat } from './negotiate.ts'
import { writeOwnFamilies } from './own-families.ts'

/**
 * Probes a stream, at most `timeoutMs`.
 * @throws {ProbeError} if there is no result
 */
export type Probe = (
  stream: StreamId,
  timeoutMs: number,
  aborted: AbortSignal,
) => Promise<Outcome>

export interface ProbeOptions {
  readonly core: string
  /** Undefined: probes are off. */
  readonly probe: Probe | undefined
  readonly limits: Limits
}

/** Answers GET /probe?stream=ID. */
export function createProbes({ core, probe, limits }: ProbeOptions) {
  return async (ctx: Context): Promise<void> => {
    if (probe === undefined) {
      return ctx.throw(404, 'Probes are off: set EXPORTER_PROBE_URL')
    }
    const stream = readStream(ctx)
    const aborting = new AbortController()
    ctx.res.once('close', () => {
      aborting.abort()
    })
    const timeoutMs = timeoutOf(ctx, limits)
    const outcome = await probe(stream, timeoutMs, aborting.signal).catch(
      (error: unknown) => {
        if (!(error instanceof ProbeError)) throw error
        // Not a sample of 0: the stream may well play.
        return ctx.throw(503, `No result: ${error.message}`)
      },
    )
    const format = chooseFormat(ctx.get('Accept'))
    ctx.vary('Accept')
    ctx.type = format.contentType
    ctx.body = await writeOutcome(outcome, stream, core, format)
  }
}

function readStream(ctx: Context): StreamId {
  const { stream } = ctx.query
  if (stream === undefined) return ctx.throw(400, 'Name a stream: ?stream=ID')
  try {
    return parseStreamId(stream)
  } catch (error) {
    return ctx.throw(400, reasonOf(error))
  }
}

/**
 * The time for a probe: a little less than the scrape's, so that the answer is
 * in time.
 */
function timeoutOf(ctx: Context, limits: Limits): number {
  const header = ctx.get('X-Prometheus-Scrape-Timeout-Seconds')
  const scrapeMs = Number(header) * 1000
  if (!(scrapeMs > 0)) return limits.probeTimeoutMs
  const { minProbeTimeoutMs, maxProbeTimeoutMs, probeAnswerMs } = limits
  const ms = Math.max(scrapeMs - probeAnswerMs, minProbeTimeoutMs)
  return Math.min(ms, maxProbeTimeoutMs)
}

/** Writes the outcome as metrics, which exist only in this answer. */
async function writeOutcome(
  { failure, seconds, packets }: Outcome,
  stream: StreamId,
  core: string,
  format: Format,
): Promise<string> {
  const registry = new PromRegistry()
  const gauge = (name: string, help: string, label?: string) =>
    new Gauge({
      name: `dragonfork_probe_${name}`,
      help,
      labelNames: ['stream_id', ...(label === undefined ? [] : [label])],
      registers: [registry],
    })
  const labels = { stream_id: stream }
  gauge(
    'success',
    'Whether a viewer gets pictures and sound of the stream.',
  ).set(labels, failure === undefined ? 1 : 0)
  const durations = gauge(
    'duration_seconds',
    'Time that each phase took; phases that were not reached are missing.',
    'phase',
  )
  for (const phase of PHASES) {
    const value = seconds[phase]
    if (value !== undefined) durations.set({ ...labels, phase }, value)
  }
  const received = gauge('packets', 'RTP packets that arrived.', 'kind')
  for (const kind of KINDS) received.set({ ...labels, kind }, packets[kind])
  const failures = gauge(
    'failure',
    'Why the probe failed: 1 for the reason, 0 for the others.',
    'reason',
  )
  for (const reason of FAILURES) {
    failures.set({ ...labels, reason }, reason === failure ? 1 : 0)
  }
  return (await writeOwnFamilies(registry, core, format)) + format.end
}
