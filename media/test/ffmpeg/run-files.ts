import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import t from 'tap'

import { identify, isAlive } from '../../ffmpeg/identity.ts'
import { RunFiles } from '../../ffmpeg/run-files.ts'
import { capturedLog } from '../fixtures/captured-log.ts'
import { fakeProgram } from '../fixtures/fake-program.ts'
import { needFfmpeg } from '../fixtures/need-ffmpeg.ts'
import { NOWHERE, TONE } from '../fixtures/supervised.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

needFfmpeg(t)

const PARENT = new URL('../fixtures/crashing-parent.ts', import.meta.url)

interface Test {
  teardown(done: () => void | Promise<void>): void
}

/** A parent with a running child; both are gone when the test is over. */
async function startParent(
  t: Test,
  runs: string,
  binary: string,
  args: readonly string[] = [],
): Promise<{ parent: ChildProcess; child: number }> {
  const parent = spawn(
    process.execPath,
    [PARENT.pathname, runs, binary, ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(() => {
    parent.kill('SIGKILL')
  })
  let child = 0
  for await (const line of createInterface({ input: parent.stdout })) {
    const record: unknown = JSON.parse(line)
    if (typeof record !== 'object' || record === null) continue
    if ('pid' in record && typeof record.pid === 'number') {
      child = record.pid
      const identity = identify(child)
      t.teardown(() => {
        if (identity && isAlive(identity)) process.kill(child, 'SIGKILL')
      })
    }
    if ('message' in record && record.message === 'progress') {
      return { parent, child }
    }
  }
  throw new Error('The parent ended without a child')
}

async function killHard(process: ChildProcess): Promise<void> {
  const exit = once(process, 'exit')
  process.kill('SIGKILL')
  await exit
}

t.test('what a killed media process left is found and ended', async t => {
  const folder = await temporaryFolder(t)
  const runs = join(folder, 'runs')
  const { parent, child } = await startParent(t, runs, 'ffmpeg', [
    ...TONE,
    ...NOWHERE,
  ])
  await killHard(parent)
  const orphan = identify(child)
  t.ok(orphan, 'it outlives its parent')
  const { log, records } = capturedLog()
  const runFiles = await RunFiles.open(runs, log, process.pid)
  t.equal(await runFiles.sweep(), 1)
  t.notOk(orphan && isAlive(orphan))
  t.same(await readdir(runs), [])
  t.match(records, [{ level: 'warn', pids: [child] }])
  t.equal(await runFiles.sweep(), 0)
})

t.test('one that was not yet written down, or ignores SIGTERM', async t => {
  const folder = await temporaryFolder(t)
  const runs = join(folder, 'runs')
  const program = await fakeProgram(
    folder,
    `trap '' TERM INT
    printf 'out_time_us=1000000\\nprogress=continue\\n' >&3
    while :; do /bin/sleep 1000; done`,
  )
  const { parent, child } = await startParent(t, runs, program)
  await killHard(parent)
  // As if it was killed before it could write the pid.
  const [name = ''] = await readdir(runs)
  await writeFile(join(runs, name), '{"process":"camera"}')
  await writeFile(join(runs, `${name}.tmp`), '{"pro')
  await writeFile(join(runs, 'other.json.tmp'), '{"pro')
  const orphan = identify(child)
  const { log } = capturedLog()
  const runFiles = await RunFiles.open(runs, log, process.pid)
  // The script and its sleep.
  t.equal(await runFiles.sweep(), 2)
  t.notOk(orphan && isAlive(orphan))
  t.same(await readdir(runs), [])
})

t.test('a process that was given the pid later is left alone', async t => {
  const folder = await temporaryFolder(t)
  const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' })
  t.teardown(() => bystander.kill('SIGKILL'))
  await once(bystander, 'spawn')
  const pid = bystander.pid ?? 0
  const identity = await waitFor(() => identify(pid))
  const own = identify(process.pid)
  for (const [at, child] of [
    { ...identity, startTicks: identity.startTicks - 1 },
    { ...identity, kernel: 'another boot' },
    { pid },
    { pid: 1, startTicks: 0, kernel: identity.kernel },
    { pid: -pid },
    'nonsense',
  ].entries()) {
    const run = `00000000-0000-4000-8000-00000000000${at}`
    const owner = own && { ...own, startTicks: own.startTicks - 1 }
    const facts = JSON.stringify({ process: 'camera', owner, child })
    await writeFile(join(folder, `${run}.json`), facts)
  }
  const { log, records } = capturedLog()
  const runFiles = await RunFiles.open(folder, log, process.pid)
  t.equal(await runFiles.sweep(), 0)
  t.ok(isAlive(identity))
  t.same(await readdir(folder), [], 'there is nothing left to be found')
  t.same(records, [])
})

t.test('children of a media process that lives are left alone', async t => {
  const folder = await temporaryFolder(t)
  const runs = join(folder, 'runs')
  const { parent, child } = await startParent(t, runs, 'ffmpeg', [
    ...TONE,
    ...NOWHERE,
  ])
  const { log, records } = capturedLog()
  const runFiles = await RunFiles.open(runs, log, process.pid)
  t.equal(await runFiles.sweep(), 0)
  const identity = identify(child)
  t.ok(identity)
  // Its pid may just be being written.
  t.ok((await readdir(runs)).some(name => name.endsWith('.json')))
  t.match(records, [{ level: 'warn', count: 1 }])
  await killHard(parent)
  t.equal(await runFiles.sweep(), 1)
})

t.test('a run is written down before its child is there', async t => {
  const folder = await temporaryFolder(t)
  const { log } = capturedLog()
  const runFiles = await RunFiles.open(folder, log, process.pid)
  const file = await runFiles.begin('camera')
  const [name = ''] = await readdir(folder)
  t.equal(`${file.env['DRAGONFORK_RUN']}.json`, name)
  t.match(JSON.parse(await readFile(join(folder, name), 'utf8')), {
    process: 'camera',
    owner: { pid: process.pid },
  })
  await file.ended()
  await file.ended()
  t.same(await readdir(folder), [])
})

t.test('a folder that is full, or gone, stops no run', async t => {
  const folder = await temporaryFolder(t)
  const gone = join(folder, 'gone')
  const { log, records } = capturedLog()
  const runFiles = await RunFiles.open(gone, log, process.pid)
  const { rm } = await import('node:fs/promises')
  await rm(gone, { recursive: true })
  const file = await runFiles.begin('camera')
  await file.started(process.pid)
  await file.ended()
  t.match(records, [{ message: 'cannot write down a run of FFmpeg' }])
})
