import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import t from 'tap'

import { identify, isAlive } from '../../ffmpeg/identity.ts'
import { parseProcessConfig } from '../../process/config.ts'
import { MAX_PROCESSES } from '../../process/processes.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { NOWHERE, PICTURE } from '../fixtures/supervised.ts'
import { processList, RULES } from '../fixtures/process-list.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

requireFfmpeg(t)

/** A stream without a receiver. */
const STREAM = {
  id: 'camera',
  input: [{ id: 'in', address: 'sine', options: ['-re', '-f', 'lavfi'] }],
  reconnect: true,
  webrtc: { enabled: true },
}

const OFF = {
  ...STREAM,
  id: 'off',
  output: [{ id: 'out', address: '-', options: ['-f', 'null'] }],
  webrtc: { enabled: false },
  autostart: false,
}

t.test('a process with webrtc enabled feeds its stream', async t => {
  const { processes, streams } = await processList(t)
  await processes.add({ ...STREAM, autostart: false })
  const [stream] = streams.all
  t.equal(stream?.id, 'camera')
  t.same(stream?.calls, [])
  if (stream) stream.outputs = NOWHERE
  await processes.command('camera', 'start')
  await waitFor(() => stream?.calls.includes('runStarted'))
  t.same(processes.get('camera').runner.status().command.slice(-3), NOWHERE)
  await processes.command('camera', 'stop')
  t.same(stream?.calls, [
    'prepareRun',
    'runStarted',
    'runEnding',
    'runEnded',
    'stop',
  ])
  t.match(stream?.ends, [{ requested: true }])
  await processes.remove('camera')
  t.same(stream?.calls.slice(5), ['remove'])
})

t.test('an update of other fields than webrtc keeps the stream', async t => {
  const { processes, streams } = await processList(t)
  await processes.add({ ...STREAM, output: OFF.output })
  const [stream] = streams.all
  await waitFor(() => stream?.calls.includes('runStarted'))
  await processes.update('camera', { options: ['-y'] })
  await waitFor(() => stream?.calls.length === 6)
  t.same(stream?.calls, [
    'prepareRun',
    'runStarted',
    'runEnding',
    'runEnded',
    'prepareRun',
    'runStarted',
  ])
  t.match(stream?.ends, [{ requested: true }])
  t.equal(streams.all.length, 1)
})

t.test('an update of webrtc or the id creates a new stream', async t => {
  const { processes, streams } = await processList(t)
  await processes.add({ ...STREAM, autostart: false })
  await processes.update('camera', { webrtc: { video: 'vp8' } })
  t.same(streams.all[0]?.calls, ['remove'])
  t.equal(streams.all.length, 2)
  await processes.update('camera', { id: 'other' })
  t.same(streams.all[1]?.calls, ['remove'])
  t.equal(streams.all[2]?.id, 'other')
  await processes.update('other', {
    output: OFF.output,
    webrtc: { enabled: false },
  })
  t.same(streams.all[2]?.calls, ['remove'])
  t.equal(streams.all.length, 3)
})

t.test('an update that changes nothing restarts nothing', async t => {
  const { processes, streams } = await processList(t)
  await processes.add({ ...STREAM, output: OFF.output })
  await waitFor(() => streams.all[0]?.calls.includes('runStarted'))
  await processes.update('camera', { id: 'camera', reconnect: true })
  t.same(streams.all[0]?.calls, ['prepareRun', 'runStarted'])
})

t.test('a restart requested by the stream is not counted', async t => {
  const { processes, streams } = await processList(t)
  await processes.add({ ...STREAM, output: OFF.output })
  const [stream] = streams.all
  await waitFor(() => stream?.calls.includes('runStarted'))
  stream?.request?.restart('the worker died')
  await waitFor(() => stream?.calls.length === 6)
  t.match(stream?.ends, [{ requested: true }])
})

t.test('an external stream has legs but no FFmpeg', async t => {
  const { processes, streams } = await processList(t)
  await processes.add({
    id: 'studio',
    webrtc: {
      enabled: true,
      ingest: 'external',
      audio: { codec: 'opus', port: 43_000, payload_type: 111 },
    },
  })
  const [stream] = streams.all
  await waitFor(
    () => processes.get('studio').runner.status().exec === 'running',
  )
  t.same(stream?.calls, ['startExternal'])
  await processes.command('studio', 'restart')
  t.same(stream?.calls, ['startExternal', 'startExternal'])
  await processes.command('studio', 'stop')
  t.equal(processes.get('studio').runner.status().exec, 'finished')
  t.same(stream?.calls.slice(2), ['stop'])
})

t.test('a restarted media process has the same list', async t => {
  const dir = await temporaryFolder(t)
  const first = await processList(t, { dir })
  await first.processes.add(OFF)
  await first.processes.add({ ...OFF, id: 'on', autostart: true })
  await first.processes.add({ ...OFF, id: 'stopped', autostart: true })
  await first.processes.command('stopped', 'stop')
  await first.processes.close()
  await t.rejects(first.processes.command('off', 'start'), { code: 'closed' })

  const { processes } = await processList(t, { dir })
  t.same(
    processes.list().map(({ stored }) => [stored.id, stored.order]),
    [
      ['off', 'stop'],
      ['on', 'start'],
      ['stopped', 'stop'],
    ],
  )
  await waitFor(() => processes.get('on').runner.status().exec === 'running')
  t.equal(processes.get('off').runner.status().exec, 'finished')
})

t.test(
  'an unusable stored process stays in the store and can be removed',
  async t => {
    const dir = await temporaryFolder(t)
    const first = await processList(t, { dir })
    await first.processes.add(OFF)
    await first.processes.close()
    const text = await readFile(join(dir, 'db.json'), 'utf8')
    await writeFile(join(dir, 'db.json'), text.replace('"sine"', '""'))

    const { processes, records } = await processList(t, { dir })
    t.same(processes.list(), [])
    t.match(records, [
      {
        level: 'error',
        message: 'cannot use a stored process; it stays in the store',
        process: 'off',
        error: { message: /input\[0\].address: expected an address/ },
      },
    ])
    await t.rejects(processes.add(OFF), { code: 'process-exists' })
    await processes.add({ ...OFF, id: 'other' })
    t.match(await readFile(join(dir, 'db.json'), 'utf8'), /"off"/)
    await processes.remove('off')
    await processes.add(OFF)
  },
)

t.test('initial processes are added unless their id is stored', async t => {
  const dir = await temporaryFolder(t)
  const initial = ['off', 'more'].map(id =>
    parseProcessConfig({ ...OFF, id, reference: 'file' }, RULES),
  )
  const first = await processList(t, { dir })
  await first.processes.add({ ...OFF, reference: 'mine' })
  await first.processes.close()
  const { processes } = await processList(t, { dir, initial })
  t.same(
    processes.list().map(({ stored }) => [stored.id, stored.reference]),
    [
      ['off', 'mine'],
      ['more', 'file'],
    ],
  )
})

t.test(
  'concurrent operations have the outcome of a sequential order',
  async t => {
    const { processes, streams } = await processList(t)
    const outcomes = await Promise.allSettled([
      processes.add({ ...STREAM, output: OFF.output }),
      processes.add({ ...STREAM, output: OFF.output }),
      processes.command('camera', 'stop'),
      processes.command('camera', 'start'),
      processes.update('camera', { id: 'moved' }),
      processes.add({ ...OFF, id: 'moved' }),
      processes.update('camera', { options: ['-y'] }),
      processes.command('moved', 'stop'),
    ])
    t.same(
      outcomes.map(({ status }) => status === 'fulfilled'),
      [true, false, true, true, true, false, false, true],
    )
    t.same(
      processes.list().map(({ stored }) => stored.id),
      ['moved'],
    )
    t.equal(streams.all.length, 2)
    t.equal(processes.get('moved').runner.status().exec, 'finished')
  },
)

t.test('a process above MAX_PROCESSES is rejected', async t => {
  const dir = await temporaryFolder(t)
  const stored = { config: {}, created_at: 0, updated_at: 0, order: 'stop' }
  const ids = Array.from({ length: MAX_PROCESSES - 1 }, (_, at) => `p${at}`)
  const process = Object.fromEntries(ids.map(id => [id, { id, ...stored }]))
  const database = JSON.stringify({ version: 4, process })
  await writeFile(join(dir, 'db.json'), database)
  const { processes } = await processList(t, { dir })
  const outcomes = await Promise.allSettled([
    processes.add(OFF),
    processes.add({ ...OFF, id: 'one-more' }),
  ])
  t.match(outcomes, [
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'too-many' } },
  ])
  await processes.remove('p0')
  await processes.add({ ...OFF, id: 'one-more' })
})

t.test('20 streams that start and stop concurrently leak nothing', async t => {
  const { processes, streams, records } = await processList(t)
  const ids = Array.from({ length: 20 }, (_, at) => `camera-${at}`)
  await Promise.all(
    ids.map(id => processes.add({ ...STREAM, id, output: OFF.output })),
  )
  await waitFor(() =>
    processes.list().every(({ runner }) => runner.status().progress.timeS > 0),
  )
  const started = records.filter(({ message }) => message === 'FFmpeg started')
  const children = started.map(({ pid }) => identify(Number(pid)))
  t.equal(children.filter(child => child !== undefined).length, 20)
  await Promise.all(ids.map(id => processes.remove(id)))
  t.same(processes.list(), [])
  t.equal(children.filter(child => child && isAlive(child)).length, 0)
  for (const { calls, ends } of streams.all) {
    t.equal(calls.at(-1), 'remove')
    t.match(ends, [{ requested: true }])
  }
})

t.test(
  'close() stops every FFmpeg, even of an operation in progress',
  async t => {
    const { processes } = await processList(t)
    const input = [{ address: PICTURE.at(-1), options: ['-re', '-f', 'lavfi'] }]
    const ids = ['a', 'b', 'c']
    await Promise.all(
      ids.map(id => processes.add({ ...OFF, id, input, autostart: true })),
    )
    const late = processes.add({ ...OFF, id: 'late', input, autostart: true })
    const close = processes.close()
    await late
    await close
    await processes.close()
    for (const { runner } of processes.list()) {
      t.match(runner.status().exec, /^(finished|killed|failed)$/)
      t.equal(runner.status().reconnectS, undefined)
    }
    t.equal(processes.list().length, 4)
  },
)
