import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import packageJson from '../../../package.json' with { type: 'json' }
import type { Child } from '../../../shared/test/fixtures/child.ts'
import { lives } from '../../../shared/test/fixtures/program.ts'
import { pidsOf, startRun } from './fixtures/run.ts'

const RUN = fileURLToPath(new URL('fixtures/run-fakes.ts', import.meta.url))
const START = fileURLToPath(new URL('fixtures/start-fakes.ts', import.meta.url))
/** The time in which `npm start` must end. */
const END_WITHIN_MS = 5_000

function runFakes(
  t: Test,
  manners: { media?: string; exporter?: string } = {},
  env: NodeJS.ProcessEnv = {},
): Child {
  const { media = '', exporter = '' } = manners
  return startRun(t, [process.execPath, RUN, media, exporter], env)
}

async function untilEnded(pids: readonly number[]): Promise<void> {
  while (pids.some(lives)) await delay(20)
}

t.test('both processes run until SIGTERM and leave nothing behind', async t => {
  const run = runFakes(t, { media: 'parent' })
  await run.printed('Ctrl-C ends it')
  t.match(run.output, /player {4}http:\/\/127\.0\.0\.1:\d+\/player\/demo/)
  t.match(run.output, /metrics {3}http:\/\/127\.0\.0\.1:\d+\/metrics/)
  t.match(run.output, /\/-\/healthy {2}http:\/\/127\.0\.0\.1:\d+\/-\/ready/)
  t.match(run.output, '{"process":"media","message":"listening"')

  run.kill('SIGTERM')
  t.equal(await run.exited, 0)
  t.equal(pidsOf(run).length, 3)
  t.same(pidsOf(run).filter(lives), [])
})

const DRAINS = { CORE_SHUTDOWN_DRAIN_MS: '60000' }

t.test('a media process that drains is not killed', async t => {
  const run = runFakes(t, { media: 'drains' }, DRAINS)
  await run.printed('Ctrl-C ends it')
  // npm sends the signal of the terminal once more.
  run.kill('SIGINT')
  run.kill('SIGINT')
  t.equal(await run.exited, 0)
  t.match(run.output, '"message":"drained"')
  t.same(pidsOf(run).filter(lives), [])
})

t.test('a second signal ends a drain', async t => {
  const run = runFakes(t, { media: 'drains' }, DRAINS)
  await run.printed('Ctrl-C ends it')
  const ended = run.exited.then(() => true)
  run.kill('SIGTERM')
  await run.printed('"message":"draining"')
  while (!(await Promise.race([ended, delay(100, false)]))) {
    run.kill('SIGTERM')
  }
  t.equal(await run.exited, 0)
  t.notMatch(run.output, '"message":"drained"')
  t.same(pidsOf(run).filter(lives), [])
})

t.test('processes that ignore SIGTERM are killed', async t => {
  const run = runFakes(t, { media: 'stubborn', exporter: 'stubborn' })
  await run.printed('Ctrl-C ends it')
  const startedAt = performance.now()
  run.kill('SIGINT')
  t.equal(await run.exited, 0)
  t.ok(performance.now() - startedAt < END_WITHIN_MS, 'within 5 s')
  t.same(pidsOf(run).filter(lives), [])
})

t.test('Ctrl-C in a terminal ends both processes', async t => {
  // Without `exec` Ctrl-C would also reach a shell, whose exit code counts.
  const command = `exec ${process.execPath} ${RUN}`
  const run = startRun(t, ['script', '-qec', command, '/dev/null'], {
    SHELL: '/bin/sh',
  })
  await run.printed('Ctrl-C ends it')
  run.write('\u0003')
  t.equal(await run.exited, 0)
  t.match(run.output, 'Ended')
  t.same(pidsOf(run).filter(lives), [])
})

for (const name of ['media', 'exporter']) {
  t.test(
    `a start fails with the last lines of a ${name} process that exits`,
    async t => {
      const run = runFakes(t, { [name]: 'dies' })
      t.equal(await run.exited, 1)
      t.match(
        run.output,
        `The ${name} process ended with code 3. Its last lines:`,
      )
      t.match(run.output, 'no camera in the house')
      t.same(pidsOf(run).filter(lives), [])
    },
  )

  t.test(`the death of the ${name} process ends the other`, async t => {
    const run = runFakes(t)
    await run.printed('Ctrl-C ends it')
    const [exporter = 0, media = 0] = pidsOf(run)
    process.kill(name === 'media' ? media : exporter, 'SIGKILL')
    t.equal(await run.exited, 1)
    t.match(run.output, `The ${name} process was ended by SIGKILL`)
    t.same(pidsOf(run).filter(lives), [])
  })
}

t.test('a signal during the start ends what has been started', async t => {
  const run = runFakes(t, { media: 'silent' })
  await run.printed('"process":"media"')
  run.kill('SIGTERM')
  t.equal(await run.exited, 0)
  t.same(pidsOf(run).filter(lives), [])
})

t.test('SIGKILL leaves nothing behind', async t => {
  const run = runFakes(t)
  await run.printed('Ctrl-C ends it')
  run.kill('SIGKILL')
  await run.exited
  await untilEnded(pidsOf(run))
  t.equal(pidsOf(run).length, 2)
})

t.test('a start names all ports in use, each with its setting', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const address = `127.0.0.1:${port}`
  const taken = { CORE_ADDRESS: address, EXPORTER_ADDRESS: address }

  const run = runFakes(t, {}, taken)
  t.equal(await run.exited, 1)
  t.match(run.output, `Port ${port} is in use by another program`)
  t.match(run.output, / CORE_ADDRESS=127\.0\.0\.1:\d+ npm start/)
  t.match(run.output, / EXPORTER_ADDRESS=127\.0\.0\.1:\d+ npm start/)
  t.same(pidsOf(run), [], 'nothing was started')
})

t.test('a signal to npm alone ends both processes', async t => {
  const start = packageJson.scripts.start.replace(/deploy\S+/, START)
  const folder = t.testdir({})
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ scripts: { start } }),
  )
  const run = startRun(t, ['npm', '--prefix', folder, 'start'], {})
  await run.printed('Ctrl-C ends it')
  run.kill('SIGTERM')
  t.equal(await run.exited, 0)
  t.equal(pidsOf(run).length, 2)
  t.same(pidsOf(run).filter(lives), [])
})
