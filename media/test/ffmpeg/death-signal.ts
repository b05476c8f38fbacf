import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import t from 'tap'

import { killedWithParent } from '../../ffmpeg/death-signal.ts'
import {
  identify,
  isAlive,
  type ProcessIdentity,
} from '../../ffmpeg/identity.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { NOWHERE, TONE } from '../fixtures/supervised.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

requireFfmpeg(t)

const PARENT = new URL('../fixtures/crashing-parent.ts', import.meta.url)

interface Test {
  teardown(done: () => void | Promise<void>): void
}

/** Starts a parent, and waits until its FFmpeg has made progress. */
async function startParent(
  t: Test,
  binary: string,
  args: readonly string[] = [],
): Promise<{ parent: ChildProcess; child: ProcessIdentity }> {
  const parent = spawn(process.execPath, [PARENT.pathname, binary, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => {
    parent.kill('SIGKILL')
  })
  let child: ProcessIdentity | undefined
  for await (const line of createInterface({ input: parent.stdout })) {
    const record: unknown = JSON.parse(line)
    if (typeof record !== 'object' || record === null) continue
    if ('pid' in record && typeof record.pid === 'number') {
      const identity = identify(record.pid)
      child = identity
      t.teardown(() => {
        if (identity && isAlive(identity)) process.kill(identity.pid, 'SIGKILL')
      })
    }
    if (!('message' in record) || record.message !== 'progress') continue
    if (child !== undefined) return { parent, child }
  }
  throw new Error('The parent ended without a child')
}

async function killHard(process: ChildProcess): Promise<void> {
  const exit = once(process, 'exit')
  process.kill('SIGKILL')
  await exit
}

t.test('FFmpeg dies when its media process gets SIGKILL', async t => {
  const { parent, child } = await startParent(t, 'ffmpeg', [
    ...TONE,
    ...NOWHERE,
  ])
  t.ok(isAlive(child))
  await killHard(parent)
  await waitFor(() => !isAlive(child), 'FFmpeg is gone')
})

t.test('FFmpeg stopped by SIGSTOP dies with its media process', async t => {
  const { parent, child } = await startParent(t, 'ffmpeg', [
    ...TONE,
    ...NOWHERE,
  ])
  process.kill(child.pid, 'SIGSTOP')
  await killHard(parent)
  await waitFor(() => !isAlive(child), 'FFmpeg is gone')
})

t.test('a child that ignores SIGTERM dies with its media process', async t => {
  const program = await fakeProgram(
    await temporaryFolder(t),
    'fake-ffmpeg',
    `trap '' TERM INT
    printf 'out_time_us=1000000\\nprogress=continue\\n' >&3
    while :; do :; done`,
  )
  const { parent, child } = await startParent(t, program)
  await killHard(parent)
  await waitFor(() => !isAlive(child), 'the program is gone')
})

t.test(
  'killedWithParent() says what to install if setpriv is missing',
  async t => {
    await t.rejects(
      killedWithParent({ binary: '/bin/true', args: [] }, t.testdir()),
      { message: /no executable setpriv in PATH; install util-linux/ },
    )
  },
)
