import fc from 'fast-check'
import { copyFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'

import { isHistogramCell } from '../../../shared/protocol/frames.ts'
import {
  readSpooledState,
  type SpooledState,
} from '../../outbox/spooled-state.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { Cutter } from './fixtures/cutter.ts'
import { ScriptedExporter } from './fixtures/exporter.ts'
import {
  CORE,
  iceDuration,
  legFailure,
  newBoot,
  newOutbox,
  silentLog,
  viewOf,
} from './fixtures/outbox.ts'

const STREAMS = ['a', 'b', 'c'] as const

/** One event, and for how many rounds of the event loop it may work. */
const event = fc.record({
  rounds: fc.nat({ max: 20 }),
  what: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('report' as const),
        stream: fc.constantFrom(...STREAMS),
        times: fc.integer({ min: 1, max: 30 }),
        quarters: fc.nat({ max: 44 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('cut' as const),
        bytes: fc.nat({ max: 700 }),
        way: fc.constantFrom('up' as const, 'down' as const),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'cut now' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'freeze' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart exporter' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'exporter forgets' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart media' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'stop exporter' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'stop media' } as const) },
    { weight: 2, arbitrary: fc.constant({ do: 'kill media' } as const) },
  ),
})

type Event = typeof event extends fc.Arbitrary<infer Value> ? Value : never

/** Copies a file that may disappear at any moment. */
function isCopied(from: string, to: string): boolean {
  try {
    copyFileSync(from, to)
    return true
  } catch {
    return false
  }
}

/**
 * Plays `events` over real sockets in fake time, then ends all faults.
 * @returns what the exporter shows beside what was reported
 */
async function play(events: readonly Event[], dir: string) {
  const exporter = new ScriptedExporter()
  await exporter.up()
  const cutter = new Cutter(exporter.port)
  await cutter.start()
  let clock = new FakeClock()
  let bootId = newBoot()
  let resumed = 0
  const pathOf = (life: number) => join(dir, `outbox-${life}`)
  let life = 0
  const open = (spooled?: SpooledState) => {
    const url = new URL(`ws://127.0.0.1:${cutter.port}/ingest`)
    const view = () => viewOf(...STREAMS)
    bootId = spooled?.boot ?? newBoot()
    const { outbox } = newOutbox(url, {
      clock,
      random: () => 0,
      view,
      boot: bootId,
      spooled,
      spoolPath: pathOf(life),
    })
    outbox.start()
    return outbox
  }
  const close = async (outbox: ReturnType<typeof open>) => {
    let closed = false
    const closing = outbox.close().then(() => (closed = true))
    await clock.until(() => closed, 10)
    await closing
  }
  let outbox = open()
  let reported = 0
  let forgot = false
  let oracle = new Map<string, number>()
  // What an exporter that lost its state can get again: this boot's totals.
  let boot = new Map<string, number>()
  const count = (series: Map<string, number>, id: string, add: number) =>
    series.set(id, (series.get(id) ?? 0) + add)
  /** Takes back what the spool file, a little old, does not have. */
  const keepOnly = ({ batches }: SpooledState) => {
    const kept = new Map<string, number>()
    for (const cell of batches.flatMap(({ cells }) => cells)) {
      const [id = ''] = cell.labels
      if (isHistogramCell(cell)) count(kept, `${id} sum`, cell.sum)
      else count(kept, `${id} legs`, cell.total)
    }
    for (const [key, value] of boot) {
      count(oracle, key, (kept.get(key) ?? 0) - value)
    }
    boot = kept
    reported = batches.at(-1)?.observed ?? 0
  }
  const settle = () =>
    clock.until(
      () =>
        reported === 0 ||
        (exporter.boot === bootId && exporter.observed === reported),
      50,
    )
  /** Ends all faults and waits until the exporter has everything. */
  const bringBack = async () => {
    await exporter.down()
    await exporter.up()
    cutter.cut()
    await settle()
    forgot = false
  }
  const restart = async () => {
    await close(outbox)
    const spooled = await readSpooledState(pathOf(life), CORE, silentLog)
    if (spooled === undefined) {
      boot = new Map()
      reported = 0
    } else resumed += 1
    outbox = open(spooled)
  }
  for (const { what, rounds } of events) {
    switch (what.do) {
      case 'report': {
        const seconds = what.quarters / 4
        for (let i = 0; i < what.times; i += 1) {
          outbox.report(legFailure(what.stream))
          outbox.report(iceDuration(what.stream, seconds))
        }
        reported += 2 * what.times
        for (const series of [oracle, boot]) {
          count(series, `${what.stream} legs`, what.times)
          count(series, `${what.stream} sum`, what.times * seconds)
        }
        break
      }
      case 'cut':
        cutter.cutAfter(what.bytes, what.way)
        break
      case 'cut now':
        cutter.cut()
        break
      case 'freeze':
        exporter.freeze()
        break
      case 'restart exporter':
        await exporter.down()
        await exporter.up()
        break
      case 'exporter forgets':
        await exporter.down()
        exporter.forget()
        forgot = true
        oracle = new Map(boot)
        await exporter.up()
        break
      case 'stop exporter':
        await exporter.down()
        break
      case 'stop media':
        // It spools what it cannot send. Only what the exporter lost
        // meanwhile would be lost with this process.
        if (forgot) await bringBack()
        await restart()
        break
      case 'kill media': {
        // Without a file the loss of its last moments cannot be predicted.
        if (!isCopied(pathOf(life), pathOf(life + 1))) break
        cutter.cut()
        // The clock of the killed process stands still.
        clock = new FakeClock()
        life += 1
        const spooled = await readSpooledState(pathOf(life), CORE, silentLog)
        if (spooled === undefined) throw new Error('The file is incomplete')
        resumed += 1
        keepOnly(spooled)
        outbox = open(spooled)
        break
      }
      case 'restart media':
        await bringBack()
        await restart()
        break
      default:
        what satisfies never
    }
    for (let i = 0; i < rounds; i += 1) {
      clock.advance(10)
      await setImmediate()
    }
  }
  await bringBack()
  await close(outbox)
  const shown = new Map<string, number>()
  for (const [key, numbers] of exporter.shown) {
    const id = key.split('|')[1] ?? ''
    if (numbers.length === 1) shown.set(`${id} legs`, numbers[0] ?? 0)
    else shown.set(`${id} sum`, numbers.at(-1) ?? 0)
  }
  await cutter.close()
  await exporter.down()
  const { cuts } = cutter
  return { shown, oracle, cuts, resumed, pending: clock.pending }
}

t.test('totals are exact after any cuts, kills and restarts', async t => {
  let cuts = 0
  let resumed = 0
  const dir = t.testdir({})
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 10, maxLength: 60 }),
      async events => {
        run += 1
        const runDir = join(dir, String(run))
        await mkdir(runDir)
        const played = await play(events, runDir)
        cuts += played.cuts
        resumed += played.resumed
        const sorted = (series: ReadonlyMap<string, number>) =>
          JSON.stringify([...series].filter(([, value]) => value > 0).sort())
        if (sorted(played.shown) !== sorted(played.oracle)) {
          throw new Error(`${sorted(played.shown)} != ${sorted(played.oracle)}`)
        }
        return played.pending === 0
      },
    ),
    { numRuns: 150 },
  )
  t.ok(resumed > 50, `${resumed} processes resumed`)
  t.ok(cuts > 100, `${cuts} connections cut within a frame`)
})
