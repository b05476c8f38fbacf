import t from 'tap'

import { systemClock } from '../../../shared/runtime/clock.ts'
import { ExternalRunner } from '../../process/external-runner.ts'
import { capturedLog } from '../fixtures/captured-log.ts'
import { FakeStream } from '../fixtures/fake-streams.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

function externalRunner(
  t: { teardown(done: () => Promise<void>): void },
  reconnect = { enabled: true, delayMs: 0 },
) {
  const port = new FakeStream('studio')
  const { log, records } = capturedLog()
  const clock = systemClock
  const random = () => 0
  const runner = new ExternalRunner({ port, reconnect, clock, log, random })
  t.teardown(() => runner.stop())
  return { port, runner, records }
}

t.test('ExternalRunner starts once and stops', async t => {
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

t.test('ExternalRunner retries legs that cannot be opened', async t => {
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

t.test('without reconnect, ExternalRunner retries only on start()', async t => {
  const { port, runner } = externalRunner(t, { enabled: false, delayMs: 0 })
  port.outputs = new Error('no')
  runner.start()
  await waitFor(() => runner.status().exec === 'failed')
  t.equal(runner.status().reconnectS, undefined)
  port.outputs = []
  runner.start()
  await waitFor(() => runner.status().exec === 'running')
})

t.test('restart() during a start opens the legs again', async t => {
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

t.test('restart() skips the delay before a retry', async t => {
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

t.test('stop() during a start waits for it and leaves it stopped', async t => {
  const { port, runner } = externalRunner(t)
  const release = port.hold()
  runner.start()
  const stopped = runner.stop()
  release()
  await stopped
  t.equal(runner.status().exec, 'finished')
})

t.test('stop() cancels a retry', async t => {
  const { port, runner } = externalRunner(t)
  port.outputs = new Error('no')
  runner.start()
  await waitFor(() => runner.status().exec === 'failed')
  await runner.stop()
  t.equal(runner.status().exec, 'finished')
  t.equal(runner.status().reconnectS, undefined)
})
