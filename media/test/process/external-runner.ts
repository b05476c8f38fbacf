import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'

import { systemClock } from '../../../shared/runtime/clock.ts'
import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'
import type { ReconnectPolicy } from '../../ffmpeg/reconnect.ts'
import { ExternalRunner } from '../../process/external-runner.ts'
import type { StreamPort } from '../../process/stream-port.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { FakeStream } from '../fixtures/fake-streams.ts'
import { startMediaStack, streamId } from '../fixtures/media-stack.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

const PORTS = await takePorts(10)
const PORT = PORTS.min + 6
const AT_ONCE = { enabled: true, delayMs: 0 }
const NEVER = { enabled: false, delayMs: 0 }
const IN_AN_HOUR = { enabled: true, delayMs: 3_600_000 }

t.setTimeout(60_000)

const stack = await startMediaStack({ udpPorts: PORTS })
t.teardown(() => stack.close())
const { udpPorts } = stack.engine

function runnerOf(port: StreamPort, reconnect: ReconnectPolicy) {
  const { log, records } = memoryLog()
  const runner = new ExternalRunner({
    port,
    reconnect,
    clock: systemClock,
    log,
    random: () => 0,
  })
  return { runner, records }
}

function addStream() {
  const config = parseWebrtcConfig({
    enabled: true,
    ingest: 'external',
    audio: { codec: 'opus', port: PORT, payload_type: 111 },
  })
  if (!config.enabled) throw new TypeError('Expected an enabled stream')
  return stack.streams.add(streamId('studio'), config)
}

/** Binds the port of the leg; returns a function that releases it. */
async function takePort(t: Test): Promise<() => Promise<void>> {
  const socket = createSocket('udp4')
  socket.bind(PORT, '127.0.0.1')
  await once(socket, 'listening')
  const closed = once(socket, 'close')
  let isOpen = true
  const close = async () => {
    if (isOpen) socket.close()
    isOpen = false
    await closed
  }
  t.teardown(close)
  return close
}

/** An external process with a real stream, and a socket on its port. */
async function start(t: Test, reconnect = AT_ONCE, isPortTaken = true) {
  const stream = addStream()
  const { runner, records } = runnerOf(stream, reconnect)
  const freePort = isPortTaken ? await takePort(t) : undefined
  const stop = async () => {
    await runner.stop()
    await stream.stop()
  }
  t.teardown(async () => {
    await runner.stop()
    await stream.remove()
    await waitFor(() => udpPorts.counts().inUse === 0)
  })
  const until = (exec: string) => waitFor(() => runner.status().exec === exec)
  runner.start()
  return { stream, runner, records, freePort, stop, until }
}

t.test('ExternalRunner starts its stream once, and stops', async t => {
  const port = new FakeStream('studio')
  const { runner } = runnerOf(port, AT_ONCE)
  t.equal(runner.status().exec, 'finished')
  runner.start()
  runner.start()
  t.same(port.calls, ['startExternal'])
  t.equal(runner.status().exec, 'running')
  await runner.stop()
  await runner.stop()
  t.equal(runner.status().exec, 'finished')
  t.ok(port.start?.signal.aborted)
  runner.restart('nothing runs')
  t.same(port.calls, ['startExternal'])
})

t.test('ExternalRunner is starting until the legs listen', async t => {
  const { runner, stop, until } = await start(t, NEVER, false)
  t.equal(runner.status().exec, 'starting')
  await until('running')
  t.equal(udpPorts.counts().inUse, 2)
  await stop()
  t.equal(runner.status().exec, 'finished')
  t.equal(udpPorts.counts().inUse, 0)
})

t.test('ExternalRunner retries when a port is taken', async t => {
  const { runner, records, freePort, until } = await start(t)
  await until('failed')
  t.match(runner.status().lastLine, `UDP port ${PORT}`)
  t.ok((runner.status().reconnectS ?? 0) > 0)
  t.match(records, [
    {
      message: 'cannot start external legs',
      reason: new RegExp(`UDP port ${PORT}: .*EADDRINUSE`),
    },
  ])
  await freePort?.()
  await until('running')
  t.match(runner.report().history, [{ exit_state: 'failed' }])
})

t.test('ExternalRunner without reconnect waits for a start', async t => {
  const { runner, freePort, until } = await start(t, NEVER)
  await until('failed')
  t.equal(runner.status().reconnectS, undefined)
  await freePort?.()
  runner.start()
  await until('running')
})

t.test('ExternalRunner accepts a restart during a start', async t => {
  const { runner, stream, until } = await start(t, NEVER, false)
  runner.restart('an operator')
  runner.restart('an operator')
  t.equal(runner.status().exec, 'starting')
  await until('running')
  t.ok(stream.running)
})

t.test('ExternalRunner retries at once on restart', async t => {
  const { runner, freePort, until } = await start(t, IN_AN_HOUR)
  await until('failed')
  await freePort?.()
  runner.restart('an operator')
  await until('running')
})

t.test('ExternalRunner stays stopped after a stop during a start', async t => {
  const { runner, stream, stop } = await start(t, AT_ONCE, false)
  t.equal(runner.status().exec, 'starting')
  await stop()
  t.equal(runner.status().exec, 'finished')
  t.notOk(stream.running)
})

t.test('ExternalRunner ends its retries on stop', async t => {
  const { runner, stop, until } = await start(t)
  await until('failed')
  await stop()
  t.equal(runner.status().exec, 'finished')
  t.equal(runner.status().reconnectS, undefined)
})

t.test('a new ExternalRunner takes over the stream', async t => {
  const { runner, stream, until } = await start(t, NEVER, false)
  await runner.stop()
  const { runner: next } = runnerOf(stream, NEVER)
  next.start()
  await waitFor(() => next.status().exec === 'running')
  t.equal(runner.status().exec, 'finished')
  next.restart('an operator')
  t.equal(next.status().exec, 'running', 'its legs are open')
  runner.start()
  await until('running')
  await next.stop()
  await runner.stop()
})
