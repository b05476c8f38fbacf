import t from 'tap'

import { systemClock } from '../../clock.ts'
import { ExternalRunner } from '../../process/external-runner.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { FakeStream } from '../fixtures/fake-streams.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

function externalRunner(
  t: { teardown(done: () => Promise<void>): void },
  reconnect = { enabled: true, delayMs: 0 },
) {
  const port = new FakeStream('studio')
  const { log, records } = memoryLog()
  const clock = systemClock
  const random = () => 0
  const runner = new ExternalRunner({ port, reconnect, clock, log, random })
  t.teardown(() => runner.stop())
  return { port, runner, records }
}

t.test('it starts once, and stops', async t => {
  const { port, runner } = externalRunner(t)
  t.equal(runner.status().exec, 'finished')
  runner.start()
  runner.start()
  t.equal(runner.status().exec, 'starting')
  await waitFor(() => runner.status().exec === 'running')
  runner.start()
  t.same(port.calls, ['startExternal'])
  await runner.stop()
  await runner.stop()
  t.equal(runner.status().exec, 'finished')
  runner.restart('nothing runs')
  t.same(port.calls, ['startExternal'])
})

t.test('legs that cannot be made are tried again', async t => {
  const { port, runner, records } = externalRunner(t)
  port.outputs = new Error('port 5004 is taken')
  runner.start()
  await waitFor(() => runner.status().exec === 'failed')
  t.equal(runner.status().lastLine, 'port 5004 is taken')
  t.ok((runner.status().reconnectS ?? 0) > 0)
  t.match(records, [
    { message: 'cannot start external legs', reason: 'port 5004 is taken' },
  ])
  port.outputs = []
  await waitFor(() => runner.status().exec === 'running')
  t.match(runner.report().history, [{ exit_state: 'failed' }])
})

t.test('without reconnect they are not, until a start', async t => {
  const { port, runner } = externalRunner(t, { enabled: false, delayMs: 0 })
  port.outputs = new Error('no')
  runner.start()
  await waitFor(() => runner.status().exec === 'failed')
  t.equal(runner.status().reconnectS, undefined)
  port.outputs = []
  runner.start()
  await waitFor(() => runner.status().exec === 'running')
})

t.test('a restart while it starts makes the legs again', async t => {
  const { port, runner } = externalRunner(t)
  const release = port.hold()
  runner.start()
  runner.restart('the worker died')
  runner.restart('the worker died')
  t.same(port.calls, ['startExternal'])
  release()
  await waitFor(() => runner.status().exec === 'running')
  t.same(port.calls, ['startExternal', 'startExternal'])
})

t.test('a restart brings a start forward that is due', async t => {
  const { port, runner } = externalRunner(t, {
    enabled: true,
    delayMs: 3_600_000,
  })
  port.outputs = new Error('no')
  runner.start()
  await waitFor(() => runner.status().exec === 'failed')
  port.outputs = []
  runner.restart('an operator')
  await waitFor(() => runner.status().exec === 'running')
})

t.test('a stop while it starts waits, and leaves it stopped', async t => {
  const { port, runner } = externalRunner(t)
  const release = port.hold()
  runner.start()
  const stopped = runner.stop()
  release()
  await stopped
  t.equal(runner.status().exec, 'finished')
})

t.test('a stop ends the wait for a start that is due', async t => {
  const { port, runner } = externalRunner(t)
  port.outputs = new Error('no')
  runner.start()
  await waitFor(() => runner.status().exec === 'failed')
  await runner.stop()
  t.equal(runner.status().exec, 'finished')
  t.equal(runner.status().reconnectS, undefined)
})
