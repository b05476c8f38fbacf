import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'

import { CLOSE_CODES } from '../../../shared/frames.ts'
import { BATCH_INTERVAL_MS, MAX_CELLS } from '../../../shared/limits.ts'
import { readLeftover } from '../../outbox/leftover.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
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

/** Whether the file has as many observations. */
function has(path: string, observed: number): boolean {
  return (
    existsSync(path) &&
    readFileSync(path, 'utf8').includes(`"observed":${observed},`)
  )
}

/**
 * An outbox that was killed when its file had all of `report`: its time
 * stands still, and what it left is in another file.
 */
async function killed(
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
  const left = join(dir, 'left.jsonl')
  copyFileSync(path, left)
  return left
}

t.test('a process carries on with what a killed one owed', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killed(t, exporter.url, outbox => {
    outbox.report(legFailure('cam'))
    outbox.report(iceDuration('cam', 0.3))
    return 2
  })
  const leftover = await readLeftover(path, CORE, silentLog)
  const clock = new FakeClock()
  const { outbox } = startOutbox(t, exporter.url, {
    clock,
    spoolPath: path,
    leftover,
  })
  outbox.report(legFailure('cam'))
  outbox.report(legFailure('new'))
  await exporter.up()
  await clock.until(() => exporter.observed === 4, 10)
  t.equal(exporter.boot, leftover?.boot)
  t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [2])
  t.strictSame(exporter.shown.get(`${LEG}|new|video`), [1])
  t.strictSame(
    exporter.shown.get(`${ICE}|cam|connected`),
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0.3],
  )
  await clock.until(() => !existsSync(path), 10)
  t.pass('its file is gone when all is told')
})

t.test('there is no file while the exporter keeps up', async t => {
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

t.test('close() leaves what it cannot bring', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = join(t.testdir({}), 'outbox.jsonl')
  const { outbox } = startOutbox(t, exporter.url, { spoolPath: path })
  outbox.report(legFailure('cam'))
  await outbox.close()
  const leftover = await readLeftover(path, CORE, silentLog)
  t.match(leftover, { nextCell: 2, batches: [{ cells: [{ total: 1 }] }] })
})

t.test('an outbox that was never started writes nothing', async t => {
  const dir = t.testdir({})
  const { outbox } = newOutbox(new URL('ws://127.0.0.1:9/ingest'), {
    spoolPath: join(dir, 'outbox.jsonl'),
  })
  outbox.report(legFailure('cam'))
  await outbox.close()
  t.strictSame(await readdir(dir), [])
})

t.test('what a retired boot owed is lost, counted, and said once', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killed(t, exporter.url, outbox => {
    for (let i = 0; i < 5; i += 1) outbox.report(legFailure('cam'))
    return 5
  })
  const leftover = await readLeftover(path, CORE, silentLog)
  const honest = exporter.script.welcome
  exporter.script.welcome = (hello, kept) =>
    hello.boot === leftover?.boot
      ? CLOSE_CODES.retired_boot
      : honest(hello, kept)
  await exporter.up()
  const clock = new FakeClock()
  const boot = newBoot()
  const { outbox, lines } = startOutbox(t, exporter.url, {
    boot,
    clock,
    spoolPath: path,
    leftover,
  })
  await clock.until(() => exporter.boot === boot && exporter.lost === 5, 10)
  outbox.report(legFailure('cam'))
  await clock.until(() => exporter.observed === 6, 10)
  t.equal(exporter.lost, 5)
  t.strictSame(exporter.shown.get(`${LEG}|cam|video`), [1])
  t.equal(lines.filter(line => line.includes('owed is lost')).length, 1)
  await clock.until(() => !existsSync(path), 10)
})

t.test('a file that cannot be read is kept aside, and said', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killed(t, exporter.url, outbox => {
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
    const { lines, log } = newLog()
    t.equal(await readLeftover(path, CORE, log), undefined, name)
    t.match(lines.join(''), /cannot be read; kept aside/, name)
    t.notOk(existsSync(path), name)
    t.equal(readFileSync(`${path}.unreadable`, 'utf8'), text, name)
  }
})

t.test('cells of a catalogue that is not ours are lost, counted', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killed(t, exporter.url, outbox => {
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
  const leftover = await readLeftover(path, CORE, silentLog)
  await exporter.up()
  const clock = new FakeClock()
  startOutbox(t, exporter.url, { clock, spoolPath: path, leftover })
  await clock.until(() => exporter.observed === 4, 10)
  t.equal(exporter.lost, 3)
  t.strictSame([...exporter.shown.keys()], [`${LEG}|cam|audio`])
})

t.test('a folder that cannot be written costs a log line', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const dir = join(t.testdir({}), 'later')
  const clock = new FakeClock()
  const { outbox, lines } = startOutbox(t, exporter.url, {
    clock,
    spoolPath: join(dir, 'outbox.jsonl'),
  })
  const failures = () =>
    lines.filter(line => line.includes('cannot be kept in its file')).length
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
  t.pass('and what is owed still reaches the exporter')
})

t.test('as many cells as there may be are kept and told', async t => {
  const exporter = await startExporter(t)
  await exporter.down()
  const path = await killed(t, exporter.url, outbox => {
    for (let i = 0; i < MAX_CELLS; i += 1) outbox.report(legFailure(`s${i}`))
    return MAX_CELLS
  })
  const leftover = await readLeftover(path, CORE, silentLog)
  await exporter.up()
  const clock = new FakeClock()
  startOutbox(t, exporter.url, { clock, spoolPath: path, leftover })
  await clock.until(() => exporter.shown.size === MAX_CELLS, 10)
  t.equal(exporter.lost, 0)
})
