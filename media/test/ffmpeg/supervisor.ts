import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import t from 'tap'

import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import { FakeStream } from '../fixtures/fake-streams.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { NOWHERE, PICTURE, supervise, TONE } from '../fixtures/supervised.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

requireFfmpeg(t)

const SOON = { enabled: true, delayMs: 0 }

t.test(
  'Supervisor starts FFmpeg, reports its progress, and stops it',
  async t => {
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      args: [...PICTURE, ...NOWHERE],
      port,
    })
    t.equal(supervisor.status().exec, 'finished')
    supervisor.start()
    t.equal(supervisor.status().exec, 'starting')
    const { progress } = await waitFor(() => {
      const status = supervisor.status()
      return status.progress.frame > 0 && status
    })
    t.ok(progress.timeS > 0)
    t.equal(supervisor.status().exec, 'running')
    const stopped = supervisor.stop()
    t.equal(supervisor.status().exec, 'finishing')
    await stopped
    t.equal(supervisor.status().exec, 'finished')
    t.same(port.calls, ['prepareRun', 'runStarted', 'runEnding', 'runEnded'])
    t.match(port.ends, [{ requested: true, code: 255, signal: null }])
  },
)

t.test("the stream's outputs are the last arguments", async t => {
  const port = new FakeStream('camera')
  port.outputs = ['-map', '0:v', ...NOWHERE]
  const { supervisor } = supervise(t, { args: PICTURE, port })
  supervisor.start()
  await waitFor(() => supervisor.status().progress.frame > 0)
  t.same(supervisor.status().command.slice(-5), port.outputs)
})

t.test('FFmpeg starts with an empty environment', async t => {
  const folder = await temporaryFolder(t)
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(
      folder,
      'fake-ffmpeg',
      // Only these names, because tap adds variables to every child.
      "export -p | grep -E '^export (PATH|HOME|CORE_\\w*)=' >&2; " +
        'echo started >&2; exec sleep 99',
    ),
  })
  supervisor.start()
  await waitFor(() => supervisor.report().log.length > 0)
  t.strictSame(
    supervisor.report().log.map(([, line]) => line),
    ['started'],
  )
})

t.test(
  'after a clean exit FFmpeg is finished, and restarts after the delay',
  async t => {
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      args: ['-f', 'lavfi', '-i', 'testsrc2=d=0.1', ...NOWHERE],
      reconnect: SOON,
      port,
    })
    supervisor.start()
    const waiting = await waitFor(() => {
      const status = supervisor.status()
      return status.reconnectS !== undefined && status
    })
    t.equal(waiting.exec, 'finished')
    // After a run of more than a second the next follows at once.
    await waitFor(() => port.ends.length >= 2)
    t.match(port.ends[1], { requested: false, code: 0, signal: null })
  },
)

t.test(
  'without reconnect FFmpeg stays failed until the next start',
  async t => {
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      args: ['-i', 'no-such-file', ...NOWHERE],
      port,
    })
    supervisor.start()
    await waitFor(() => supervisor.status().exec === 'failed')
    t.equal(supervisor.status().reconnectS, undefined)
    // FFmpeg 5.1 exits with 1, FFmpeg 7.1 with the error number.
    t.match(port.ends, [{ requested: false, code: /^(1|254)$/, signal: null }])
    t.match(port.ends[0]?.log.at(-1), /: No such file/)
    await waitFor(() => {
      supervisor.start()
      return port.ends.length === 2
    })
  },
)

t.test('exit code 255 without a request is a failure', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  // The exit code of FFmpeg 7.1 for EPERM.
  const binary = await fakeProgram(folder, 'fake-ffmpeg', 'exit 255')
  const { supervisor } = supervise(t, { binary, port })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'failed')
  t.match(port.ends, [{ requested: false, code: 255, signal: null }])
})

t.test('senderOver is called when no restart is scheduled', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(folder, 'fake-ffmpeg', 'exit 0'),
    port,
  })
  const run = ['prepareRun', 'runStarted', 'runEnded', 'senderOver']
  supervisor.start()
  await waitFor(() => port.calls.includes('senderOver'))
  t.same(port.calls, run)
  supervisor.start()
  await waitFor(() => port.calls.length === 2 * run.length)
  t.same(port.calls, [...run, ...run])
})

t.test(
  'senderOver is not called if a restart is scheduled, or after a stop',
  async t => {
    const folder = await temporaryFolder(t)
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      binary: await fakeProgram(folder, 'fake-ffmpeg', 'exit 1'),
      reconnect: { enabled: true, delayMs: 600_000 },
      port,
    })
    supervisor.start()
    await waitFor(() => supervisor.status().reconnectS !== undefined)
    await supervisor.stop()
    t.same(port.calls, ['prepareRun', 'runStarted', 'runEnded'])
  },
)

t.test('FFmpeg that dies of a signal is killed', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(folder, 'fake-ffmpeg', 'kill -KILL $$'),
    port,
  })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'killed')
  t.match(port.ends, [{ requested: false, code: null, signal: 'SIGKILL' }])
})

t.test(
  'a child that ignores SIGINT is killed with its own children',
  async t => {
    const folder = await temporaryFolder(t)
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      binary: await fakeProgram(
        folder,
        'fake-ffmpeg',
        `trap '' INT; /bin/sleep 1000 & echo "child $!" >&2; while :; do wait; done`,
      ),
      limits: { killTimeoutMs: 50 },
      port,
    })
    supervisor.start()
    const line = await waitFor(() => supervisor.report().log[0]?.[1])
    const stopped = supervisor.stop()
    t.equal(supervisor.status().exec, 'finishing')
    await stopped
    t.equal(supervisor.status().exec, 'killed')
    t.match(port.ends, [{ requested: true, signal: 'SIGKILL' }])
    const pid = line.replace('child ', '')
    await waitFor(async () => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return stat === '' || stat.includes(') Z ')
    })
    t.match(
      supervisor.report().log.at(-1)?.[1],
      /^Killed because it did not exit/,
    )
  },
)

t.test(
  'a missing FFmpeg fails the start, is logged, and is retried',
  async t => {
    const port = new FakeStream('camera')
    const { supervisor, records } = supervise(t, {
      binary: 'no-such-ffmpeg',
      reconnect: SOON,
      port,
    })
    supervisor.start()
    await waitFor(() => port.ends.length === 2)
    t.match(port.ends[0], { requested: false, code: null, signal: null })
    t.notOk(port.calls.includes('runStarted'))
    t.match(records, [
      {
        level: 'error',
        message: 'cannot start FFmpeg',
        process: 'camera',
        reason: /no executable no-such-ffmpeg in PATH/,
      },
    ])
    t.match(supervisor.report().history[0]?.exit_state, 'failed')
  },
)

t.test('a program that cannot be spawned has failed', async t => {
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    // Linux limits each argument to 128 KiB.
    args: ['x'.repeat(256 * 1024)],
    port,
  })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'failed')
  t.match(supervisor.status().lastLine, /E2BIG/)
  t.match(port.ends, [{ requested: false, code: null, signal: null }])
})

t.test('a script whose interpreter is missing has failed', async t => {
  const folder = await temporaryFolder(t)
  const binary = join(folder, 'fake-ffmpeg')
  await writeFile(binary, '#!/no/such/interpreter\n', { mode: 0o755 })
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, { binary, port })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'failed')
  t.match(supervisor.status().lastLine, /failed to execute .*: No such file/)
  t.match(port.ends, [{ requested: false, code: 127, signal: null }])
})

t.test(
  'legs that cannot be opened fail the start, and are retried',
  async t => {
    const port = new FakeStream('camera')
    port.outputs = new Error('no more ports')
    const { supervisor } = supervise(t, {
      args: [...TONE, ...NOWHERE],
      reconnect: SOON,
      port,
    })
    supervisor.start()
    await waitFor(() => supervisor.status().exec === 'failed')
    t.match(supervisor.status().lastLine, 'no more ports')
    t.same(port.ends, [], 'the stream counts this failure itself')
    port.outputs = []
    await waitFor(() => supervisor.status().exec === 'running')
  },
)

t.test('a stop while legs are opened starts no FFmpeg', async t => {
  const port = new FakeStream('camera')
  const release = port.hold()
  const { supervisor } = supervise(t, {
    args: [...TONE, ...NOWHERE],
    port,
  })
  supervisor.start()
  await waitFor(() => port.calls.length === 1)
  const stopped = supervisor.stop()
  release()
  await stopped
  t.equal(supervisor.status().exec, 'finished')
  t.same(port.calls, ['prepareRun'])
})

t.test('a restart while legs are opened opens them again', async t => {
  const port = new FakeStream('camera')
  const release = port.hold()
  const { supervisor } = supervise(t, {
    args: [...TONE, ...NOWHERE],
    port,
  })
  supervisor.start()
  await waitFor(() => port.calls.length === 1)
  supervisor.restart('the worker died')
  release()
  await waitFor(() => supervisor.status().exec === 'running')
  t.same(port.calls, ['prepareRun', 'prepareRun', 'runStarted'])
})

t.test('a restart is a requested end and has no delay', async t => {
  const port = new FakeStream('camera')
  const { supervisor, records } = supervise(t, {
    args: [...TONE, ...NOWHERE],
    reconnect: { enabled: true, delayMs: 3_600_000 },
    port,
  })
  supervisor.start()
  await waitFor(() => supervisor.status().progress.timeS > 0)
  supervisor.restart('the worker died')
  await waitFor(() => port.calls.filter(c => c === 'runStarted').length === 2)
  t.match(port.ends, [{ requested: true }])
  t.match(
    records.find(({ message }) => message === 'restarting FFmpeg'),
    { reason: 'the worker died' },
  )
})

t.test('a restart brings a scheduled start forward', async t => {
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    args: ['-i', 'no-such-file', ...NOWHERE],
    reconnect: { enabled: true, delayMs: 3_600_000 },
    port,
  })
  supervisor.start()
  const reconnectS = await waitFor(() => supervisor.status().reconnectS)
  t.ok(reconnectS > 3500 && reconnectS <= 3600)
  supervisor.restart('an operator')
  await waitFor(() => port.ends.length === 2)
})

t.test('a stop cancels a scheduled start', async t => {
  const { supervisor } = supervise(t, {
    args: ['-i', 'no-such-file', ...NOWHERE],
    reconnect: { enabled: true, delayMs: 3_600_000 },
  })
  supervisor.start()
  await waitFor(() => supervisor.status().reconnectS)
  await supervisor.stop()
  t.match(supervisor.status(), { exec: 'failed', reconnectS: undefined })
  supervisor.restart('nothing to restart')
  t.equal(supervisor.status().exec, 'failed')
})

t.test('stop() is idempotent, also without a start', async t => {
  const { supervisor } = supervise(t, { args: [...TONE, ...NOWHERE] })
  await supervisor.stop()
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'running')
  await Promise.all([supervisor.stop(), supervisor.stop()])
  await supervisor.stop()
  t.equal(supervisor.status().exec, 'finished')
})

t.test('a start or restart during the end of a run is not missed', async t => {
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    args: ['-i', 'no-such-file', ...NOWHERE],
    port,
  })
  let restarts = 0
  port.onEnd = () => {
    const again = restarts++ < 3 ? 'restart' : 'start'
    queueMicrotask(() => {
      if (again === 'restart') supervisor.restart('at its end')
      else if (restarts < 6) supervisor.start()
    })
  }
  supervisor.start()
  await waitFor(() => restarts === 6)
  await waitFor(() => supervisor.status().exec === 'failed')
  t.equal(port.ends.length, 6)
})

t.test('an exception in the stream does not end supervision', async t => {
  const port = new FakeStream('camera')
  port.onEnd = () => {
    throw new Error('broken')
  }
  const { supervisor, records } = supervise(t, {
    args: ['-i', 'no-such-file', ...NOWHERE],
    reconnect: SOON,
    port,
  })
  supervisor.start()
  await waitFor(() => port.ends.length === 2)
  t.match(
    records.find(({ error }) => error !== undefined),
    { level: 'error', process: 'camera', error: { message: 'broken' } },
  )
})
