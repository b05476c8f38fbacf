import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { SETTINGS } from '../config.ts'
import { durations, failures, requests } from './fixtures/cells.ts'
import { runExporter, spawnExporter } from './fixtures/exporter-process.ts'
import { connectMedia, CORE, Media } from './fixtures/media.ts'
import { pick, readSeries } from './fixtures/samples.ts'

t.test('--help names every setting, --version the version', async t => {
  const help = await runExporter(['--help'])
  t.equal(help.code, 0)
  for (const { name } of Object.values(SETTINGS)) t.match(help.stdout, name)
  const version = await runExporter(['--version'])
  t.same(version, { code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
})

t.test('--check-config reports bad settings and exits', async t => {
  t.equal((await runExporter(['--check-config'])).code, 0)
  const env = { EXPORTER_MAX_STREAMS: 'many', CORE_ID: 'a b' }
  const { code, stdout } = await runExporter(['--check-config'], env)
  t.equal(code, 2)
  t.match(stdout, 'EXPORTER_MAX_STREAMS: expected a whole number')
  t.match(stdout, 'CORE_ID: expected')
})

t.test('unknown arguments exit with code 2', async t => {
  const { code, stdout } = await runExporter(['--port', '1'])
  t.equal(code, 2)
  t.match(stdout, /Cannot read arguments .*--port 1/)
})

t.test('a port in use exits with code 1 and names it', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const bound = taken.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('bound')
  const address = `127.0.0.1:${bound.port}`
  for (const name of ['EXPORTER_ADDRESS', 'EXPORTER_INGEST_ADDRESS']) {
    const { code, stdout, stderr } = await runExporter([], {
      EXPORTER_ADDRESS: '127.0.0.1:0',
      EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
      [name]: address,
    })
    t.equal(code, 1)
    const reason = 'another program has this port'
    t.match(stdout, `Cannot listen on ${address} (${name}): ${reason}`)
    t.equal(stderr, '')
  }
  taken.close()
})

t.test(
  'the state file of another core exits with code 1 and is not changed',
  async t => {
    const path = join(t.testdir(), 'state')
    const first = await spawnExporter(t, { EXPORTER_STATE_FILE: path })
    t.equal(await first.end('SIGTERM'), 0)
    const before = await readFile(path)
    const { code, stdout } = await runExporter([], {
      EXPORTER_ADDRESS: '127.0.0.1:0',
      EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
      EXPORTER_STATE_FILE: path,
      CORE_ID: 'other',
    })
    t.equal(code, 1)
    t.match(stdout, /counters of CORE_ID .*test.*, expected .*other/)
    t.same(await readFile(path), before)
  },
)

t.test(
  'SIGTERM and SIGINT end the exporter while a media process is connected',
  async t => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const exporter = await spawnExporter(t)
      const media = await connectMedia({ url: exporter.ingestUrl })
      const closed = media.closed()
      t.equal(await exporter.end(signal), 0)
      t.equal((await closed).code, 1001)
    }
  },
)

t.test('SIGTERM ends the exporter while a media process is frozen', async t => {
  const exporter = await spawnExporter(t)
  const media = await connectMedia({ url: exporter.ingestUrl })
  media.socket.pause()
  t.equal(await exporter.end('SIGTERM'), 0)
  media.cut()
})

t.test('no counter decreases after kill -9 with a state file', async t => {
  const path = join(t.testdir(), 'state')
  const env = { EXPORTER_STATE_FILE: path }
  let total = 0
  let acked = 0
  let before: ReadonlyMap<string, number> = new Map()
  for (let round = 0; round < 4; round++) {
    const exporter = await spawnExporter(t, env)
    const counters = async () => {
      const samples = [...readSeries(await exporter.scrape())]
      return new Map(
        samples.filter(
          ([key]) =>
            key.startsWith('dragonfork_') &&
            /_(total|bucket|count|sum)\{/.test(key) &&
            !/scrape_duration|connections_refused|state_write/.test(key),
        ),
      )
    }
    const assertNoDecrease = (
      now: ReadonlyMap<string, number>,
      when: string,
    ) => {
      const decreased = [...before].filter(
        ([key, v]) => (now.get(key) ?? -1) < v,
      )
      t.same(decreased, [], when)
      before = now
    }
    assertNoDecrease(await counters(), 'before the media process reconnects')
    const media = new Media({ url: exporter.ingestUrl })
    const kept = await media.hello()
    t.ok(kept >= acked, 'acknowledged batches are stored')
    await media.snapshot({ cam: 1 })
    for (let i = 0; i < 20; i++) {
      total++
      media.sendBatch([
        requests(1, 'cam', total),
        durations(2, 'cam', total),
        failures(3, 'unknown', total),
      ])
      if (i % 5 === 0) acked = (await media.next()).seq
      if (i % 7 === 0) assertNoDecrease(await counters(), `round ${round}`)
    }
    // Some of the last batches are in flight: stored, torn or never read.
    await exporter.end('SIGKILL')
    media.cut()
  }
  const exporter = await spawnExporter(t, env)
  const media = new Media({ url: exporter.ingestUrl })
  await media.hello()
  await media.batch([requests(1, 'cam', total), durations(2, 'cam', total)])
  const page = await exporter.scrape()
  t.same(pick(page, 'requests_total'), [total])
  t.same(pick(page, 'duration_seconds_count', 'POST'), [total])
  t.same(pick(page, 'active_peers'), [], 'gauges are not stored')
})

t.test('exporter starts with a damaged state file', async t => {
  const path = join(t.testdir(), 'state')
  await writeFile(path, 'no state file\n')
  const exporter = await spawnExporter(t, { EXPORTER_STATE_FILE: path })
  t.equal((await fetch(`${exporter.url}/-/ready`)).status, 200)
})

t.test(
  'a second exporter on the same ports does not change the state file',
  async t => {
    const path = join(t.testdir(), 'state')
    const env = { EXPORTER_STATE_FILE: path, CORE_ID: CORE }
    const exporter = await spawnExporter(t, env)
    const media = await connectMedia({ url: exporter.ingestUrl }, { cam: 0 })
    await media.batch([requests(1, 'cam', 1)])
    const before = await readFile(path)
    const taken = {
      EXPORTER_ADDRESS: new URL(exporter.url).host,
      EXPORTER_INGEST_ADDRESS: new URL(exporter.ingestUrl).host,
    }
    for (const [name, address] of Object.entries(taken)) {
      const { code } = await runExporter([], {
        EXPORTER_ADDRESS: '127.0.0.1:0',
        EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
        ...env,
        // Would be written to the state file.
        EXPORTER_MAX_STREAMS: '7',
        [name]: address,
      })
      t.equal(code, 1)
      t.same(await readFile(path), before, name)
    }
    media.cut()
  },
)
