/** Kills the set-up in each of its steps, then runs it again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { lives } from '../../../shared/test/fixtures/program.ts'
import { listenLocal } from '../../../shared/test/fixtures/listen-local.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { installModules } from '../../local/setup/modules.mjs'
import { buildWorker } from '../../local/worker/build.mjs'
import { findPlace } from '../../local/worker/place.mjs'
import { downloadWorker } from '../../local/worker/prebuilt.mjs'
import { proveWorker } from '../../local/worker/proof.mjs'
import { sweepWorkshops } from '../../local/worker/workshop.mjs'
import { recordedContext } from './fixtures/context.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import {
  archiveOf,
  fakeWorkerSources,
  WORKER_SCRIPT,
} from './fixtures/fake-worker.ts'

const STEP = fileURLToPath(new URL('fixtures/step.ts', import.meta.url))
/** The worker of this machine. */
const REAL = process.env['MEDIASOUP_WORKER_BIN'] ?? (await findPlace({})).worker

/** An empty cache, and a folder for programs that is first on PATH. */
function scene(t: Test) {
  // Without a source of libsrtp there is nothing to fetch.
  const noSource = t.fixture('file', '#!/bin/sh\nexit 100\n')
  const folder = t.testdir({ bin: { 'apt-get': noSource } })
  chmodSync(join(folder, 'bin', 'apt-get'), 0o755)
  const bin = join(folder, 'bin')
  const pid = join(folder, 'pid')
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    XDG_CACHE_HOME: folder,
  }
  return {
    folder,
    bin,
    env,
    context: () => recordedContext(env),
    /** A line of a script that hangs the first time it is reached. */
    hangOnce: `if ! [ -e ${pid} ]; then echo $$ >${pid}; exec sleep 1000; fi`,
    /** Whether the program that hung still runs. */
    hangs: async () => lives(Number(await readFile(pid, 'utf8'))),
    killHung: async () => process.kill(Number(await readFile(pid, 'utf8'))),
    // The shell creates the file before it writes to it.
    isReached: () => existsSync(pid) && readFileSync(pid, 'utf8') !== '',
  }
}

/** Starts a step in a process and kills that once `isTime`. */
async function kill(
  t: Test,
  step: string,
  where: string,
  env: NodeJS.ProcessEnv,
  isTime: () => boolean,
): Promise<void> {
  const child = spawn(process.execPath, [STEP, step, where], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  await waitFor(isTime, `${step} to be in the middle`)
  child.kill('SIGKILL')
  await exited
  t.equal(child.signalCode, 'SIGKILL', 'it was killed')
}

t.test('npm ci is run again after a kill', async t => {
  const s = scene(t)
  const root = t.testdir({
    bin: {},
    'package.json': '{}',
    'package-lock.json': '{}',
  })
  await fakeProgram(
    s.bin,
    'npm',
    `mkdir -p node_modules/.bin; echo half >node_modules/half
    ${s.hangOnce}
    rm node_modules/half; ln -s /bin/true node_modules/.bin/node`,
  )
  await kill(t, 'modules', root, s.env, s.isReached)
  await waitFor(async () => !(await s.hangs()), 'npm to end with the set-up')

  await installModules(s.context(), root)
  t.same((await readdir(join(root, 'node_modules'))).sort(), [
    '.bin',
    '.dragonfork-set-up',
  ])
  const again = s.context()
  await installModules(again, root)
  t.equal(again.output(), '', 'but not a third time')
})

t.test('the worker is built again after a kill', async t => {
  const s = scene(t)
  await fakeProgram(s.bin, 'meson', 'mkdir out')
  const result = 'out/mediasoup-worker'
  await fakeProgram(
    s.bin,
    'ninja',
    `echo half >${result}; ${s.hangOnce}; echo whole >${result}`,
  )
  const place = {
    ...(await findPlace(s.env)),
    sources: await fakeWorkerSources(s.folder),
  }
  await kill(t, 'build', JSON.stringify(place), s.env, s.isReached)
  await waitFor(async () => !(await s.hangs()), 'ninja to end with the set-up')
  t.match(
    await readdir(place.cache),
    [/^logs$/, /^making-/],
    'the unfinished build is left',
  )

  await sweepWorkshops(place.cache)
  await buildWorker(place, s.context())
  t.equal(await readFile(place.worker, 'utf8'), 'whole\n')
  t.same(await readdir(place.cache), ['logs', place.worker.split('/').at(-1)])
})

t.test('the worker is downloaded again after a kill', async t => {
  const s = scene(t)
  const worker = await fakeProgram(s.folder, 'worker', WORKER_SCRIPT)
  const archive = await archiveOf(s.folder, worker)
  const half = archive.subarray(0, archive.length / 2)
  const responses: ServerResponse[] = []
  const server = createServer((_request, response) => {
    if (responses.push(response) === 1) response.write(half)
    else response.end(archive)
  })
  const port = await listenLocal(t, server)
  const place = {
    ...(await findPlace(s.env)),
    prebuilt: `http://127.0.0.1:${port}/worker.tgz`,
  }
  await kill(
    t,
    'download',
    JSON.stringify(place),
    s.env,
    () => responses.length > 0,
  )

  await sweepWorkshops(place.cache)
  await downloadWorker(place, s.context())
  t.equal(await readFile(place.worker, 'utf8'), await readFile(worker, 'utf8'))
  t.same(await readdir(place.cache), [place.worker.split('/').at(-1)])
})

t.test('the worker is proven again after a kill', async t => {
  const s = scene(t)
  const worker = await fakeProgram(
    s.folder,
    'worker',
    `${s.hangOnce}; exec ${REAL} "$@"`,
  )
  const place = { ...(await findPlace(s.env)), worker }
  await kill(t, 'proof', JSON.stringify(place), s.env, s.isReached)
  // Unlike a real worker, this one does not end with its parent's pipe.
  await s.killHung()

  const next = s.context()
  await proveWorker(worker, place, next)
  t.match(next.output(), 'proving it by a DTLS handshake: done')
})
