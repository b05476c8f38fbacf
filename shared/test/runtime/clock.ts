import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'

import { repeatAfterInput, systemClock } from '../../runtime/clock.ts'

const TIMERS = [
  ['after', systemClock.after],
  ['repeatAfterInput', repeatAfterInput],
] as const

for (const [name, start] of TIMERS) {
  await t.test(`${name}: input that arrived before comes first`, async t => {
    const socket = createSocket('udp4')
    t.teardown(() => {
      socket.close()
    })
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    const events: string[] = []
    const ran = new Promise<void>(resolve => {
      socket.on('message', () => {
        events.push('input')
      })
      const cancel = start(20, () => {
        events.push('timer')
        cancel()
        resolve()
      })
    })
    await new Promise<void>((resolve, reject) => {
      socket.send('input', port, '127.0.0.1', error => {
        // Blocks this thread as a pause of the process does.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
        if (error === null) resolve()
        else reject(error)
      })
    })
    await ran
    t.strictSame(events, ['input', 'timer'])
  })

  await t.test(`${name}: a cancelled timer does not fire`, async t => {
    let fired = false
    const cancel = start(1, () => {
      fired = true
    })
    // Its time passes before the event loop continues.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    cancel()
    await new Promise<void>(resolve => {
      systemClock.after(20, resolve)
    })
    t.notOk(fired)
  })
}

await t.test(
  'repeatAfterInput: timers that start half an interval apart fire together',
  async t => {
    const intervalMs = 100
    let firstMs = 0
    const apartMs: number[] = []
    // repeatAfterInput does not keep a process alive.
    const release = systemClock.after(600_000, () => undefined)
    const cancelFirst = repeatAfterInput(intervalMs, () => {
      firstMs = performance.now()
    })
    await new Promise<void>(resolve => {
      systemClock.after(intervalMs / 2, resolve)
    })
    await new Promise<void>(resolve => {
      const cancelSecond = repeatAfterInput(2 * intervalMs, () => {
        const sinceMs = (performance.now() - firstMs) % intervalMs
        apartMs.push(Math.min(sinceMs, intervalMs - sinceMs))
        // Some rounds may be disturbed by other processes.
        if (apartMs.length < 5) return
        cancelSecond()
        resolve()
      })
    })
    cancelFirst()
    release()
    t.ok(Math.min(...apartMs) < intervalMs / 5, apartMs.join(', '))
  },
)
