import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import t from 'tap'

import { fakeProgram } from '../fixtures/fake-program.ts'
import { FakeStream } from '../fixtures/fake-streams.ts'
import { needFfmpeg } from '../fixtures/need-ffmpeg.ts'
import { NOWHERE, PICTURE, supervise, TONE } from '../fixtures/supervised.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

needFfmpeg(t)

const SOON = { enabled: true, delayMs: 0 }

t.test(
  'FFmpeg runs, tells its progress, and finishes when stopped',
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
    t.match(port.ends, [{ asked: true, code: 255, signal: null }])
  },
)

t.test('what the stream wants as outputs comes last', async t => {
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
      // Only the names that matter: tap adds variables to every child's.
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
  'a clean exit is finished, and starts again after the delay',
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
    await waitFor(() => port.ends.length === 2)
    t.match(port.ends[1], { asked: false, code: 0, signal: null })
  },
)

t.test(
  'without reconnect it stays as it ended, and can be started',
  async t => {
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      args: ['-i', 'no-such-file', ...NOWHERE],
      port,
    })
    supervisor.start()
    await waitFor(() => supervisor.status().exec === 'failed')
    t.equal(supervisor.status().reconnectS, undefined)
    // 1 of FFmpeg 5.1, the error's own of FFmpeg 7.1.
    t.match(port.ends, [{ asked: false, code: /^(1|254)$/, signal: null }])
    t.match(port.ends[0]?.log.at(-1), /: No such file/)
    await waitFor(() => {
      supervisor.start()
      return port.ends.length === 2
    })
  },
)

t.test('an error of number 255 is no end that was asked for', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  // FFmpeg 7.1 ends so where the system says EPERM.
  const binary = await fakeProgram(folder, 'exit 255')
  const { supervisor } = supervise(t, { binary, port })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'failed')
  t.match(port.ends, [{ asked: false, code: 255, signal: null }])
})

t.test('the stream hears when nothing is due any more', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(folder, 'exit 0'),
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
  'it hears nothing of it where a start is due, or a stop came',
  async t => {
    const folder = await temporaryFolder(t)
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      binary: await fakeProgram(folder, 'exit 1'),
      reconnect: { enabled: true, delayMs: 600_000 },
      port,
    })
    supervisor.start()
    await waitFor(() => supervisor.status().reconnectS !== undefined)
    await supervisor.stop()
    t.same(port.calls, ['prepareRun', 'runStarted', 'runEnded'])
  },
)

t.test('death by a signal is killed', async t => {
  const folder = await temporaryFolder(t)
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    binary: await fakeProgram(folder, 'kill -KILL $$'),
    port,
  })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'killed')
  t.match(port.ends, [{ asked: false, code: null, signal: 'SIGKILL' }])
})

t.test(
  'a child that ignores SIGINT is killed, with its own children',
  async t => {
    const folder = await temporaryFolder(t)
    const port = new FakeStream('camera')
    const { supervisor } = supervise(t, {
      binary: await fakeProgram(
        folder,
        `trap '' INT; /bin/sleep 1000 & echo "child $!" >&2; while :; do wait; done`,
      ),
      bounds: { killAfterMs: 50 },
      port,
    })
    supervisor.start()
    const line = await waitFor(() => supervisor.report().log[0]?.[1])
    const stopped = supervisor.stop()
    t.equal(supervisor.status().exec, 'finishing')
    await stopped
    t.equal(supervisor.status().exec, 'killed')
    t.match(port.ends, [{ asked: true, signal: 'SIGKILL' }])
    const pid = line.replace('child ', '')
    await waitFor(async () => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return stat === '' || stat.includes(') Z ')
    })
    t.match(
      supervisor.report().log.at(-1)?.[1],
      /^Killed because it did not end/,
    )
  },
)

t.test(
  'a missing FFmpeg fails the start, is said, and is tried again',
  async t => {
    const port = new FakeStream('camera')
    const { supervisor, records } = supervise(t, {
      binary: 'no-such-ffmpeg',
      reconnect: SOON,
      port,
    })
    supervisor.start()
    await waitFor(() => port.ends.length === 2)
    t.match(port.ends[0], { asked: false, code: null, signal: null })
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

t.test('a program that the system refuses to spawn has failed', async t => {
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    // Linux takes arguments of at most 128 KiB each.
    args: ['x'.repeat(256 * 1024)],
    port,
  })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'failed')
  t.match(supervisor.status().lastLine, /E2BIG/)
  t.match(port.ends, [{ asked: false, code: null, signal: null }])
})

t.test('a program without its interpreter has failed', async t => {
  const folder = await temporaryFolder(t)
  const binary = join(folder, 'fake-ffmpeg')
  await writeFile(binary, '#!/no/such/interpreter\n', { mode: 0o755 })
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, { binary, port })
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'failed')
  t.match(supervisor.status().lastLine, /failed to execute .*: No such file/)
  t.match(port.ends, [{ asked: false, code: 127, signal: null }])
})

t.test(
  'legs that cannot be made fail the start, and are tried again',
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
    t.same(port.ends, [], 'the stream has counted them itself')
    port.outputs = []
    await waitFor(() => supervisor.status().exec === 'running')
  },
)

t.test('a stop while legs are made starts nothing', async t => {
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

t.test('a restart while legs are made makes them again', async t => {
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

t.test('a restart counts nothing and does not wait', async t => {
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
  t.match(port.ends, [{ asked: true }])
  t.match(
    records.find(({ message }) => message === 'restarting FFmpeg'),
    { reason: 'the worker died' },
  )
})

t.test('a restart brings a start forward that is due', async t => {
  const port = new FakeStream('camera')
  const { supervisor } = supervise(t, {
    args: ['-i', 'no-such-file', ...NOWHERE],
    reconnect: { enabled: true, delayMs: 3_600_000 },
    port,
  })
  supervisor.start()
  const due = await waitFor(() => supervisor.status().reconnectS)
  t.ok(due > 3500 && due <= 3600)
  supervisor.restart('an operator')
  await waitFor(() => port.ends.length === 2)
})

t.test('a stop ends the wait for a start that is due', async t => {
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

t.test('a stop after a stop, or without a start, is done at once', async t => {
  const { supervisor } = supervise(t, { args: [...TONE, ...NOWHERE] })
  await supervisor.stop()
  supervisor.start()
  await waitFor(() => supervisor.status().exec === 'running')
  await Promise.all([supervisor.stop(), supervisor.stop()])
  await supervisor.stop()
  t.equal(supervisor.status().exec, 'finished')
})

t.test('a start asked for as a run ends is not missed', async t => {
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

t.test('a stream that fails to take note stops no supervision', async t => {
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
