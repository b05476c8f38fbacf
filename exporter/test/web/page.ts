/** Pages that are written while the ledger changes and other work waits. */
import { Registry } from 'prom-client'
import t from 'tap'

import { systemClock } from '../../../shared/runtime/clock.ts'
import { isBootId, isStreamId } from '../../../shared/protocol/ids.ts'
import { LIMITS } from '../../limits.ts'
import { createLedger } from '../../registry/ledger.ts'
import { MetricStore } from '../../registry/metric-store.ts'
import { OPEN_METRICS, TEXT, type Format } from '../../web/formats.ts'
import { createPageWriter } from '../../web/page.ts'
import { failures, requests } from '../fixtures/cells.ts'
import { BOOT } from '../fixtures/media.ts'

/** 64 series each: about as many lines as the exporter may ever write. */
const STREAMS = Array.from({ length: 780 }, (_, i) => `cam-${i}`)

async function createSubject(names: readonly string[]) {
  const [boot] = [BOOT].filter(isBootId)
  if (boot === undefined) throw new TypeError('boot')
  const store = new MetricStore({
    ledger: createLedger('test', 1_000),
    clock: systemClock,
    maxStreams: 1_000,
    limits: LIMITS,
    journal: undefined,
  })
  await store.hello(boot)
  await store.register(names.filter(isStreamId))
  const own = new Registry()
  const writePage = createPageWriter({
    store,
    own,
    writeProcess: () => Promise.resolve(''),
    setSeries: () => undefined,
  })
  let seq = 0
  return {
    writePage,
    page: async (format: Format = TEXT) => {
      const { bytes, release } = await writePage(format)
      const text = bytes.toString()
      release()
      return text
    },
    /** Sets both counters of the first and of the last stream to `total`. */
    count: (total: number) => {
      const [first = '', last = ''] = [names[0], names.at(-1)]
      const cells = [
        requests(1, first, total),
        requests(2, last, total),
        failures(3, first, total),
        failures(4, last, total),
      ]
      seq++
      const batch = { kind: 'batch', seq, observed: total, lost: 0 } as const
      return store.batch(boot, { ...batch, cells }, true)
    },
  }
}

/** The values of both counters for the first and the last stream. */
function countsOf(page: string, last: string): readonly number[] {
  const counts = page.matchAll(
    /^dragonfork_webrtc_(?:whep_requests_total\{.*code="201"|ice_failures_total\{).*[{,]stream_id="(?<id>[^"]*)".* (?<value>\d+)$/gm,
  )
  return [...counts].flatMap(({ 0: line, groups }) => {
    const wanted = line.includes('POST') || line.includes('reason="timeout"')
    const { id, value } = groups ?? {}
    return wanted && (id === 'cam-0' || id === last) ? [Number(value)] : []
  })
}

t.test('a large page is of one moment although counters grow', async t => {
  const { page, count } = await createSubject(STREAMS)
  let total = 0
  // Some series exist only once they are counted.
  await count(++total)
  let writing = true
  const grow = async () => {
    while (writing) {
      await count(++total)
      await new Promise(setImmediate)
    }
  }
  const growing = grow()
  let newest = 0
  for (let round = 0; round < 5; round++) {
    const before = total
    const text = await page(round % 2 === 0 ? TEXT : OPEN_METRICS)
    t.ok(total > before, 'counters grew while it was written')
    const counts = countsOf(text, STREAMS.at(-1) ?? '')
    t.equal(counts.length, 4)
    const [value = -1] = counts
    t.same(counts, Array(4).fill(value), 'all four are of one batch')
    t.ok(value >= newest, `${newest}, then ${value}`)
    newest = value
  }
  writing = false
  await growing
})

t.test('other work runs while a large page is written', async t => {
  const { page } = await createSubject(STREAMS)
  let turns = 0
  let writing = true
  const look = () => {
    turns++
    if (writing) setImmediate(look)
  }
  setImmediate(look)
  const { length } = await page()
  writing = false
  // Turns, not times: how long one takes depends on the load of the machine.
  const perTurn = Math.round(length / turns)
  t.ok(perTurn < length / 20, `${perTurn} of ${length} characters a turn`)
})

t.test('each page has the numbers of its moment in its format', async t => {
  const { page, count } = await createSubject(['cam-0', 'cam-1'])
  for (const total of [1, 2, 7]) {
    await count(total)
    for (const format of [TEXT, OPEN_METRICS, TEXT]) {
      const text = await page(format)
      const counts = countsOf(text, 'cam-1')
      t.same(counts, Array(4).fill(total))
      t.equal(text.endsWith('# EOF\n'), format === OPEN_METRICS)
    }
  }
})

t.test('a page stays as it is until its memory is released', async t => {
  const { writePage, count } = await createSubject(['cam-0', 'cam-1'])
  const totals = [3, 55, 777]
  const pages = []
  for (const total of totals) {
    await count(total)
    pages.push(await writePage(TEXT))
  }
  const counts = pages.map(({ bytes }) => countsOf(bytes.toString(), 'cam-1'))
  t.same(
    counts,
    totals.map(total => Array<number>(4).fill(total)),
  )
  const [first, second] = pages
  for (const page of [first, second, first]) page?.release()
  const [next, another] = [await writePage(TEXT), await writePage(TEXT)]
  t.equal(next.bytes.buffer, second?.bytes.buffer, 'the memory is used again')
  t.not(another.bytes.buffer, next.bytes.buffer, 'by one page at a time')
  t.not(another.bytes.buffer, first?.bytes.buffer, 'one page is kept')
})
