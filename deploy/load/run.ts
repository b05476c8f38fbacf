import { setTimeout as delay } from 'node:timers/promises'
import { reasonOf } from '../../shared/runtime/errors.ts'
import { fetchStreams } from '../verify/whep.ts'
import { Dashboard } from './dashboard.ts'
import { readEvidence } from './evidence.ts'
import { findMedia, Meter } from './meter.ts'
import type { LoadOptions, Target } from './options.ts'
import { poll } from './poll.ts'
import { Progress } from './progress.ts'
import { ramp } from './ramp.ts'
import { readTotals, since, TOTALS, totalsOf, type Totals } from './totals.ts'
import type { Findings } from './verdict.ts'
import { Crowd } from './viewers/crowd.ts'

export interface RunOptions extends LoadOptions {
  readonly target: Target
  readonly core: string
  /** CORE_API_TOKEN, to list the streams. */
  readonly apiToken: string | undefined
  readonly output: NodeJS.WriteStream
  /** Ends the run early, with the findings so far. */
  readonly signal: AbortSignal
}

const TICK_INTERVAL_MS = 500
/** Streams need FFmpeg's first packets; the first line a snapshot and a scrape. */
const START_TIMEOUT_MS = 60_000
/** For a snapshot, a scrape and a batch of counters. */
const SCRAPE_TIMEOUT_MS = 60_000
/** After Ctrl-C: one scrape of the bundle's Prometheus. */
const INTERRUPTED_SCRAPE_TIMEOUT_MS = 20_000

/**
 * Has viewers watch an installation, and reads what Prometheus has of it.
 * @throws {Error} if nothing can be watched, or Prometheus does not respond
 */
export async function run(options: RunOptions): Promise<Findings> {
  const { target, core, signal, minutes, output } = options
  const totalMs = minutes * 60_000
  const dashboard = new Dashboard(target.prometheus, core)
  const streams = await streamsOf(options)
  const progress = new Progress(output, totalMs)
  progress.say('Waiting for Prometheus')
  // Otherwise the totals at the start may lack a viewer from just before.
  await nextSnapshot(dashboard, SCRAPE_TIMEOUT_MS, signal)
  const before = await readTotals(target.prometheus, core, streams)
  const start = await dashboard.now()
  const startMs = performance.now()
  progress.start()
  const crowd = new Crowd(target.url, streams)
  const media = findMedia(new URL(target.url))
  const meter = new Meter(
    () => new Map([...media(), ['these viewers', crowd.pids]]),
  )
  const tick = async () => {
    await delay(TICK_INTERVAL_MS, undefined, { signal }).catch(() => undefined)
    meter.sample()
    await progress.show(crowd.statuses, () => dashboard.firstLine())
    return !signal.aborted && performance.now() < startMs + totalMs
  }
  try {
    const result = await watch(options, crowd, meter, tick)
    const seconds = (performance.now() - startMs) / 1000
    const waitMs = signal.aborted
      ? INTERRUPTED_SCRAPE_TIMEOUT_MS
      : SCRAPE_TIMEOUT_MS
    progress.say('Waiting for Prometheus')
    const usages = meter.usages
    const watching = crowd.statuses.filter(
      ({ posted, end }) => posted === 201 && end === undefined,
    ).length
    const evidence = await readable(async () => {
      await nextSnapshot(dashboard, waitMs)
      return readEvidence(dashboard, { start, end: await dashboard.now() })
    })
    await crowd.leave()
    const totals = totalsOf(crowd.statuses)
    const product = await readable(async () => {
      if (evidence instanceof Error) throw evidence
      const count = async () =>
        since(before, await readTotals(target.prometheus, core, streams))
      const hasAll = async () => reaches(await count(), totals) || undefined
      await poll(hasAll, waitMs)
      return { evidence, totals: await count() }
    })
    const { url } = target
    return {
      ...{ url, streams, seconds, watching, usages, totals, product },
      statuses: crowd.statuses,
      ramp: result,
    }
  } finally {
    progress.end()
    await crowd.leave()
  }
}

/** Opens the viewers and waits for the end of the run. */
async function watch(
  { viewers, ramp: step }: RunOptions,
  crowd: Crowd,
  meter: Meter,
  tick: () => Promise<boolean>,
) {
  if (step !== undefined) {
    const cpuShare = () => meter.share()
    return ramp({ crowd, first: viewers, step, cpuShare, tick })
  }
  crowd.add(viewers)
  const allEnded = () => crowd.statuses.every(({ end }) => end !== undefined)
  while ((await tick()) && !allEnded());
  return undefined
}

function reaches(totals: Totals, expected: Totals): boolean {
  return TOTALS.every(name => totals[name] >= expected[name])
}

/** Returns what `read` does; an error, such as Prometheus' end, as a value. */
async function readable<Value>(
  read: () => Promise<Value>,
): Promise<Value | Error> {
  try {
    return await read()
  } catch (error) {
    return new Error(reasonOf(error), { cause: error })
  }
}

/** Waits until Prometheus has a snapshot of the media process from now on. */
async function nextSnapshot(
  dashboard: Dashboard,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const now = await dashboard.now()
  const look = async () => {
    const [snapshot] = await dashboard.instant(
      'dragonfork_exporter_last_snapshot_timestamp_seconds{core="$core"}',
    )
    return (snapshot?.values[0] ?? 0) > now ? true : undefined
  }
  await poll(look, timeoutMs, signal)
}

/** Returns the streams to watch, once there is one. */
async function streamsOf({
  target,
  stream,
  apiToken,
  signal,
}: RunOptions): Promise<readonly string[]> {
  if (stream !== undefined) return [stream]
  const live = await poll(
    async () => {
      const streams = await fetchStreams(target.url, apiToken)
      const ids = streams
        .filter(({ state }) => state === 'live')
        .map(({ id }) => id)
      return ids.length > 0 ? ids : undefined
    },
    START_TIMEOUT_MS,
    signal,
  )
  if (live === undefined) throw new Error(`No stream is live at ${target.url}`)
  return live
}

/** Waits until the first line is OK, at most a minute. */
export async function healthy(
  { prometheus }: Target,
  core: string,
  signal: AbortSignal,
): Promise<void> {
  const dashboard = new Dashboard(prometheus, core)
  await poll(
    async () => ((await dashboard.firstLine()) === 'OK' ? true : undefined),
    START_TIMEOUT_MS,
    signal,
  )
}
