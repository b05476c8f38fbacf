import t from 'tap'

import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import { FakeStream } from '../fixtures/fake-streams.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import {
  NOWHERE,
  supervise,
  TONE,
  type Supervised,
} from '../fixtures/supervised.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

requireFfmpeg(t)
// Most of the time they wait for timeouts.
t.jobs = 3

const RECONNECT = { enabled: true, delayMs: 0 }
/** FFmpeg may need seconds to start, and reports its progress once a second. */
const STALE_TIMEOUT_MS = 6_000

/** Returns the pid of the running FFmpeg, from the log. */
function childPid({ records }: Supervised): number {
  return Number(records.findLast(({ pid }) => pid !== undefined)?.['pid'])
}

t.test('a run without progress is ended as stale and restarted', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(
      folder,
      'fake-ffmpeg',
      'printf "frame=5\\nprogress=continue\\n" >&3; exec sleep 1000',
    ),
    reconnect: RECONNECT,
    limits: { staleTimeoutMs: 300 },
    port,
  })
  supervisor.start()
  await waitFor(() => port.ends.length === 2)
  t.match(port.ends[0], {
    requested: false,
    signal: 'SIGINT',
    log: ['Stale timeout after 0.3 s without progress'],
  })
})

t.test('a run whose progress does not change is ended as stale', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(
      folder,
      'fake-ffmpeg',
      'while :; do printf "frame=5\\nout_time_us=N/A\\nprogress=continue\\n" >&3; sleep 0.05; done',
    ),
    limits: { staleTimeoutMs: 300, killTimeoutMs: 0 },
    port,
  })
  supervisor.start()
  await waitFor(() => port.ends.length === 1)
  t.equal(port.ends[0]?.requested, false)
})

t.test('an audio-only run is not stale', async t => {
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    args: [...TONE, ...NOWHERE],
    limits: { staleTimeoutMs: STALE_TIMEOUT_MS },
    port,
  })
  supervisor.start()
  await waitFor(
    () => supervisor.status().progress.timeS > STALE_TIMEOUT_MS / 1_000 + 1,
  )
  t.equal(supervisor.status().progress.frame, 0)
  t.equal(supervisor.status().exec, 'running')
  t.same(port.ends, [])
})

t.test('a frozen FFmpeg is killed when SIGINT has no effect', async t => {
  const port = new FakeStream('camera')
  const supervised = supervise(t, {
    args: [...TONE, ...NOWHERE],
    limits: { staleTimeoutMs: STALE_TIMEOUT_MS, killTimeoutMs: 100 },
    port,
  })
  const { supervisor } = supervised
  supervisor.start()
  await waitFor(() => supervisor.status().progress.timeS > 0)
  process.kill(childPid(supervised), 'SIGSTOP')
  await waitFor(() => port.ends.length === 1)
  t.match(port.ends, [{ requested: false, signal: 'SIGKILL' }])
  t.equal(supervisor.status().exec, 'killed')
})

t.test('a run that exceeds its memory limit is ended', async t => {
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    args: [...TONE, ...NOWHERE],
    limits: {
      usage: { cpuPercent: 0, memoryBytes: 1024 * 1024, waitForMs: 0 },
    },
    port,
  })
  supervisor.start()
  await waitFor(() => port.ends.length === 1)
  t.equal(port.ends[0]?.requested, false)
  // FFmpeg may have logged its input by then.
  t.match(
    supervisor.report().log.find(([, line]) => line.startsWith('Killed'))?.[1],
    /^Killed because limits are exceeded: \d+ bytes of memory, limit is 1048576/,
  )
})

t.test('a run that exceeds its CPU limit for waitForMs is ended', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(folder, 'fake-ffmpeg', 'while :; do :; done'),
    limits: {
      usage: { cpuPercent: 5, memoryBytes: 0, waitForMs: 200 },
      sampleMs: 100,
    },
    port,
  })
  supervisor.start()
  await waitFor(() => port.ends.length === 1)
  t.match(
    supervisor.report().log.map(([, line]) => line),
    [
      /^Killed because limits are exceeded: \d+% CPU, limit is 5, tolerated for 0.2 s/,
    ],
  )
})

t.test("a child's stdout is discarded", async t => {
  const { supervisor } = supervise(t, {
    args: [...TONE, '-f', 's16le', '-'],
  })
  supervisor.start()
  await waitFor(() => supervisor.status().progress.timeS > 0)
  t.equal(supervisor.status().exec, 'running')
})

t.test('a run ends although a grandchild keeps its pipes open', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(
      folder,
      'fake-ffmpeg',
      'sleep 1000 & echo said >&2; exit 3',
    ),
    port,
  })
  supervisor.start()
  await waitFor(() => port.ends.length === 1)
  t.match(port.ends, [{ requested: false, code: 3, log: ['said'] }])
})

t.test('log, report and command show no secrets of addresses', async t => {
  const { supervisor, records } = supervise(t, {
    args: [
      '-i',
      'rtsp://user:hunter2@127.0.0.1:1/live?token=hunter3',
      ...NOWHERE,
    ],
  })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'failed')
  const all = JSON.stringify([
    records,
    supervisor.report(),
    supervisor.status(),
  ])
  t.match(all, /rtsp:\/\/user:\*\*\*@127.0.0.1:1\/live\?token=\*\*\*/)
  t.notMatch(all, /hunter/)
})
