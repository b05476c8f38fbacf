import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'

import { CLOSE_CODES } from '../../../shared/protocol/frames.ts'
import {
  BATCH_INTERVAL_MS,
  MAX_CELLS,
} from '../../../shared/protocol/limits.ts'
import { readSpooledState } from '../../outbox/spooled-state.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import {
  CORE,
  iceDuration,
  legFailure,
  newBoot,
  newLog,
  newOutbox,
  startExporter,
  startOutbox,
  silentLog,
} from './fixtures/outbox.ts'

const LEG = 'dragonfork_webrtc_ffmpeg_leg_failures_total'
const ICE = 'dragonfork_webrtc_ice_establishment_duration_seconds'

/** Whether the spool file has as many observations. */
function has(path: string, observed: number): boolean {
  return (
    existsSync(path) &&
    readFileSync(path, 'utf8').includes(`"observed":${observed},`)
  )
}

/**
 * Lets an outbox write what `report` counts to its file, then stops its clock
 * as if the process was killed.
 * @returns the path of a copy of the file
 */
async function killOutbox(
  t: Test,
  url: URL,
  report: (outbox: ReturnType<typeof newOutbox>['outbox']) => number,
) {
  const dir = t.testdir({})
  const path = join(dir, 'outbox.jsonl')
  const clock = new FakeClock()
  const { outbox } = newOutbox(url, { clock, spoolPath: path })
  outbox.start()
  const observed = report(outbox)
  await clock.until(() => has(path, observed), 10)
  const copy = join(dir, 'copy.jsonl')
  copyFileSync(path, copy)
  return copy
}

t.test('outbox resumes with the totals of a killed process', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killOutbox(t, exporter.url, outbox => {
    outbox.report(legFailure('cam'))
    outbox.report(iceDuration('cam', 0.3))
    return 2
  })
  const spooled = await readSpooledState(path, CORE, silentLog)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, {
    clock,
    spoolPath: path,
    spooled,
  })
  outbox.report(legFailure('cam'))
  outbox.report(legFailure('new'))
  await exporter.up()
  await clock.until(() => exporter.observed === 4, 10)
  t.equal(exporter.boot, spooled?.boot)
  t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [2])
  t.strictSame(exporter.shown.get(`${LEG}|new|video`), [1])
  t.strictSame(
    exporter.shown.get(`${ICE}|cam|connected`),
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0.3],
  )
  await clock.until(() => !existsSync(path), 10)
  t.pass('its file is removed when everything is acknowledged')
})

t.test('spool writes no file while the exporter keeps up', async t => {
  const exporter = await startExporter(t)
  const clock = new FakeClock()
  const path = join(t.testdir({}), 'outbox.jsonl')
  const { outbox } = startOutbox(t, exporter.url, { clock, spoolPath: path })
  await clock.until(() => exporter.frames.length === 2)
  for (let i = 1; i <= 20; i += 1) {
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === i, BATCH_INTERVAL_MS / 20)
    t.notOk(existsSync(path))
  }
})

t.test('close() spools what it cannot send', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = join(t.testdir({}), 'outbox.jsonl')
  const { outbox } = startOutbox(t, exporter.url, { spoolPath: path })
  outbox.report(legFailure('cam'))
  await outbox.close()
  const spooled = await readSpooledState(path, CORE, silentLog)
  t.match(spooled, { nextCell: 2, batches: [{ cells: [{ total: 1 }] }] })
})

t.test(
  'close() of an outbox that was never started writes no file',
  async t => {
    const dir = t.testdir({})
    const { outbox } = newOutbox(new URL('ws://127.0.0.1:9/ingest'), {
      spoolPath: join(dir, 'outbox.jsonl'),
    })
    outbox.report(legFailure('cam'))
    await outbox.close()
    t.strictSame(await readdir(dir), [])
  },
)

t.test(
  'observations of a retired boot are counted as lost, logged once',
  async t => {
    const exporter = await startExporter(t)
    await exporter.down()
    const path = await killOutbox(t, exporter.url, outbox => {
      for (let i = 0; i < 5; i += 1) outbox.report(legFailure('cam'))
      return 5
    })
    const spooled = await readSpooledState(path, CORE, silentLog)
    const honest = exporter.script.welcome
    exporter.script.welcome = (hello, kept) =>
      hello.boot === spooled?.boot
        ? CLOSE_CODES.retired_boot
        : honest(hello, kept)
    await exporter.up()
    const clock = new FakeClock()
    const boot = newBoot()
    const { outbox, logged } = startOutbox(t, exporter.url, {
      boot,
      clock,
      spoolPath: path,
      spooled,
    })
    await clock.until(() => exporter.boot === boot && exporter.lost === 5, 10)
    outbox.report(legFailure('cam'))
    await clock.until(() => exporter.observed === 6, 10)
    t.equal(exporter.lost, 5)
    t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [1])
    t.equal(logged('previous media process are lost').length, 1)
    await clock.until(() => !existsSync(path), 10)
  },
)

t.test('readSpooledState() renames an unreadable file and logs it', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killOutbox(t, exporter.url, outbox => {
    outbox.report(legFailure('cam'))
    return 1
  })
  const whole = readFileSync(path, 'utf8')
  const cases = {
    empty: '',
    'cut short': whole.slice(0, -20),
    'without marks': whole.replace('nextCell', 'next'),
    'of another core': whole.replace(CORE, 'other-core'),
    'of another protocol': whole.replace('"protocol":1', '"protocol":2'),
  }
  for (const [name, text] of Object.entries(cases)) {
    await writeFile(path, text)
    const { logged, log } = newLog()
    t.equal(await readSpooledState(path, CORE, log), undefined, name)
    t.equal(logged('file renamed').length, 1, name)
    t.notOk(existsSync(path), name)
    t.equal(readFileSync(`${path}.unreadable`, 'utf8'), text, name)
  }
})

t.test('spooled cells outside the catalogue are counted as lost', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killOutbox(t, exporter.url, outbox => {
    outbox.report(legFailure('cam'))
    outbox.report(legFailure('cam'))
    outbox.report(iceDuration('cam', 0.3))
    outbox.report(legFailure('cam', 'audio'))
    return 4
  })
  const text = readFileSync(path, 'utf8')
    .replace('"video"', '"subtitles"')
    .replace('"buckets":[0,', '"buckets":[')
  await writeFile(path, text)
  const spooled = await readSpooledState(path, CORE, silentLog)
  await exporter.up()
  const clock = new FakeClock()
  startOutbox(t, exporter.url, { clock, spoolPath: path, spooled })
  await clock.until(() => exporter.observed === 4, 10)
  t.equal(exporter.lost, 3)
  t.strictSame([...exporter.shown.keys()], [`${LEG}|cam|audio`])
})

t.test(
  'spool logs a failed write once and resumes when it can write',
  async t => {
    const exporter = await startExporter(t)
    await exporter.down()
    const dir = join(t.testdir({}), 'later')
    const clock = new FakeClock()
    const { outbox, logged } = startOutbox(t, exporter.url, {
      clock,
      spoolPath: join(dir, 'outbox.jsonl'),
    })
    const failures = () => logged('cannot write unacknowledged').length
    outbox.report(legFailure('cam'))
    await clock.until(() => failures() > 0, 10)
    const soonMs = clock.steadyMs() + 20 * BATCH_INTERVAL_MS
    await clock.until(() => clock.steadyMs() > soonMs, 10)
    t.equal(failures(), 1)
    mkdirSync(dir)
    await clock.until(() => has(join(dir, 'outbox.jsonl'), 1), 10)
    await rm(dir, { recursive: true })
    outbox.report(legFailure('cam'))
    await exporter.up()
    await clock.until(() => exporter.observed === 2, 10)
    t.pass('observations still reach the exporter')
  },
)

t.test('spool keeps as many series as there may be', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killOutbox(t, exporter.url, outbox => {
    for (let i = 0; i < MAX_CELLS; i += 1) outbox.report(legFailure(`s${i}`))
    return MAX_CELLS
  })
  const spooled = await readSpooledState(path, CORE, silentLog)
  await exporter.up()
  const clock = new FakeClock()
  startOutbox(t, exporter.url, { clock, spoolPath: path, spooled })
  await clock.until(() => exporter.shown.size === MAX_CELLS, 10)
  t.equal(exporter.lost, 0)
})
