import { mkdir, readdir, utimes } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listenLocal } from '../../../shared/test/fixtures/listen-local.ts'
import { findWorker } from '../../local/worker/obtain.mjs'
import { findPlace, type Place } from '../../local/worker/place.mjs'
import { downloadWorker } from '../../local/worker/prebuilt.mjs'
import { recordedContext, type RecordedContext } from './fixtures/context.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import { archiveOf, WORKER_SCRIPT } from './fixtures/fake-worker.ts'

/** The worker of this machine, if there is one. */
const REAL = process.env['MEDIASOUP_WORKER_BIN'] ?? (await findPlace({})).worker

/** A timeout that a test can wait for. */
const SHORT_MS = 300

interface Scene {
  readonly place: Place
  readonly context: RecordedContext
  /** The paths requested from the server. */
  readonly requested: string[]
}

/** An empty cache, and a server instead of the official one. */
async function scene(t: Test, answer: RequestListener): Promise<Scene> {
  const requested: string[] = []
  const server = createServer((request, response) => {
    requested.push(request.url ?? '')
    answer(request, response)
  })
  const port = await listenLocal(t, server)
  const env = {
    ...process.env,
    MEDIASOUP_WORKER_BIN: '',
    MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL: `http://127.0.0.1:${port}/dl`,
    XDG_CACHE_HOME: t.testdir({}),
  }
  return {
    place: await findPlace(env),
    context: recordedContext(env),
    requested,
  }
}

/** The content of the cache without proofs and logs. */
async function cached({ place }: Scene): Promise<string[]> {
  const names = await readdir(place.cache)
  return names.filter(name => name !== 'logs' && !name.endsWith('.proven'))
}

t.test(
  'findWorker() downloads, proves and caches the official worker',
  async t => {
    const archive = await archiveOf(t.testdirName, REAL)
    const s = await scene(t, (_request, response) => response.end(archive))

    t.equal(await findWorker(s.place, s.context), s.place.worker)
    t.match(s.requested, [
      /^\/dl\/3\.27\.1\/mediasoup-worker-3\.27\.1-linux-\w+-kernel\d+\.tgz$/,
    ])
    t.match(s.context.output(), 'downloading the official one: done')
    t.match(s.context.output(), 'proving it by a DTLS handshake: done')
    t.same(await cached(s), [s.place.worker.split('/').at(-1)])

    const again = recordedContext(s.context.env)
    t.equal(await findWorker(s.place, again), s.place.worker)
    t.equal(again.output(), '', 'the second time there is nothing to do')
    t.equal(s.requested.length, 1)
  },
)

t.test('a downloaded worker that fails its proof is not kept', async t => {
  const fake = await fakeProgram(t.testdir({}), 'worker', WORKER_SCRIPT)
  const archive = await archiveOf(t.testdirName, fake)
  const s = await scene(t, (_request, response) => response.end(archive))

  t.equal(await findWorker(s.place, s.context), undefined)
  t.match(s.context.output(), 'cannot use the official one')
  t.same(await cached(s), [])
})

t.test('downloadWorker() refuses a worker that does not run here', async t => {
  const fake = await fakeProgram(
    t.testdir({}),
    'worker',
    'echo no glibc; exit 1',
  )
  const archive = await archiveOf(t.testdirName, fake)
  const s = await scene(t, (_request, response) => response.end(archive))

  await t.rejects(downloadWorker(s.place, s.context), {
    message: 'it does not run here: it ended with code 1: no glibc',
  })
  t.same(await cached(s), [])
})

t.test('a download that is not an archive is refused', async t => {
  const s = await scene(t, (_request, response) => response.end('<html>'))

  t.equal(await findWorker(s.place, s.context), undefined)
  t.match(s.context.output(), /cannot use the official one: gzip: /)
  t.same(await cached(s), [])
})

t.test('a truncated archive is refused', async t => {
  const archive = await archiveOf(t.testdirName, REAL)
  const s = await scene(t, (_request, response) =>
    response.end(archive.subarray(0, archive.length / 2)),
  )

  t.equal(await findWorker(s.place, s.context), undefined)
  t.same(await cached(s), [])
})

t.test('the folder of a killed download is removed after a day', async t => {
  const s = await scene(t, (_request, response) => {
    response.writeHead(404).end()
  })
  const [old, recent] = ['making-old', 'making-recent']
  for (const name of [old, recent])
    await mkdir(join(s.place.cache, name), { recursive: true })
  const longAgo = new Date('2026-01-01')
  await utimes(join(s.place.cache, old), longAgo, longAgo)

  t.equal(await findWorker(s.place, s.context), undefined)
  t.same(await cached(s), [recent])
})

t.test('downloadWorker() fails with the status of the server', async t => {
  const s = await scene(t, (_request, response) => {
    response.writeHead(404).end()
  })

  await t.rejects(downloadWorker(s.place, s.context), {
    message: `404 Not Found for ${s.place.prebuilt}`,
  })
})

t.test('downloadWorker() fails at the timeout if the server hangs', async t => {
  const s = await scene(t, (_request, response) => {
    response.writeHead(200).write('a little')
  })

  await t.rejects(downloadWorker(s.place, s.context, SHORT_MS), {
    message: 'not done within 0.3 s',
  })
  t.same(await cached(s), [])
})

t.test('findWorker() finds none if the server does not answer', async t => {
  const s = await scene(t, () => undefined)
  const place = { ...s.place, prebuilt: 'http://127.0.0.1:9/worker.tgz' }

  t.equal(await findWorker(place, s.context), undefined)
  t.match(s.context.output(), /cannot use the official one: fetch failed/)
})

t.test(
  "findWorker() does not download if mediasoup's own setting forbids it",
  async t => {
    const s = await scene(t, (_request, response) => response.end())
    const env = {
      ...s.context.env,
      MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD: 'true',
    }

    t.equal(await findWorker(s.place, recordedContext(env)), undefined)
    t.same(s.requested, [])
  },
)

t.test('findWorker() uses a working MEDIASOUP_WORKER_BIN', async t => {
  const s = await scene(t, (_request, response) => response.end())
  const context = recordedContext({
    ...s.context.env,
    MEDIASOUP_WORKER_BIN: REAL,
  })

  t.equal(await findWorker(s.place, context), REAL)
  t.same(s.requested, [])
})

t.test(
  'findWorker() reports a given or cached file that is no worker',
  async t => {
    const s = await scene(t, (_request, response) => {
      response.writeHead(404).end()
    })
    await fakeProgram(
      s.place.cache,
      s.place.worker.split('/').at(-1) ?? '',
      'exit 1',
    )
    const context = recordedContext({
      ...s.context.env,
      MEDIASOUP_WORKER_BIN: '/bin/true',
    })

    t.equal(await findWorker(s.place, context), undefined)
    t.match(
      context.output(),
      'cannot use MEDIASOUP_WORKER_BIN, /bin/true: it ended with code 0',
    )
    t.match(
      context.output(),
      /cannot use the cached one, .*: it ended with code 1/,
    )
  },
)
