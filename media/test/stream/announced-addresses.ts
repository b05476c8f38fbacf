import t, { type Test } from 'tap'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { AnnouncedAddresses } from '../../stream/announced-addresses.ts'

const HOME = 'home.example'

/** Starts it with a resolver whose answers the test changes. */
async function start(t: Test, entries: readonly string[]) {
  const clock = new FakeClock()
  const { log, of } = memoryLog()
  const answers = new Map<string, readonly string[]>()
  let calls = 0
  const addresses = await AnnouncedAddresses.start({
    entries,
    setting: 'CORE_WEBRTC_ANNOUNCED_ADDRESSES',
    clock,
    log,
    resolve: name => {
      calls++
      const answer = answers.get(name)
      return answer === undefined
        ? Promise.reject(new Error('ENOTFOUND'))
        : Promise.resolve(answer)
    },
  })
  t.teardown(() => {
    addresses.close()
  })
  /** Lets 30 s pass and waits for the next resolution. */
  const next = async () => {
    const before = calls
    await waitFor(() => clock.pending === 1)
    clock.advance(30_000)
    await waitFor(() => calls > before && clock.pending === 1)
  }
  return { addresses, answers, clock, of, next }
}

t.test('IP addresses need no resolver and no timer', async t => {
  const { addresses, clock } = await start(t, ['203.0.113.7', '2001:db8::7'])
  t.same(addresses.current, ['203.0.113.7', '2001:db8::7'])
  t.equal(clock.pending, 0)
})

t.test('a host name is resolved again every 30 s', async t => {
  const { addresses, answers, of, next } = await start(t, [HOME, '10.0.0.1'])
  t.same(addresses.current, ['10.0.0.1'], 'not known yet')
  t.match(of('cannot resolve host name'), [
    {
      setting: 'CORE_WEBRTC_ANNOUNCED_ADDRESSES',
      name: HOME,
      reason: 'ENOTFOUND',
    },
  ])
  answers.set(HOME, ['203.0.113.7', '2001:db8::7'])
  await next()
  t.same(addresses.current, ['203.0.113.7', '2001:db8::7', '10.0.0.1'])
  answers.set(HOME, ['203.0.113.8'])
  await next()
  t.same(addresses.current, ['203.0.113.8', '10.0.0.1'])
  t.equal(of('host name resolved').length, 2)
  await next()
  t.equal(of('host name resolved').length, 2, 'an equal answer is not logged')
})

t.test('the last good answer stays while resolution fails', async t => {
  const { addresses, answers, of, next } = await start(t, [HOME])
  answers.set(HOME, ['203.0.113.7'])
  await next()
  answers.delete(HOME)
  await next()
  await next()
  t.same(addresses.current, ['203.0.113.7'])
  const failures = of('cannot resolve host name')
  t.equal(failures.length, 2, 'one per episode')
  t.match(failures[1], { lastGoodAgeMs: 30_000 })
  answers.set(HOME, ['203.0.113.7'])
  await next()
  t.equal(of('host name resolved').length, 2, 'its end is logged')
})

t.test('duplicates are announced once', async t => {
  const { addresses, answers, next } = await start(t, [HOME, '203.0.113.7'])
  answers.set(HOME, ['203.0.113.7'])
  await next()
  t.same(addresses.current, ['203.0.113.7'])
})

t.test('close() ends the timer', async t => {
  const { addresses, clock } = await start(t, [HOME])
  await waitFor(() => clock.pending === 1)
  addresses.close()
  addresses.close()
  t.equal(clock.pending, 0)
})

t.test('the system resolves localhost', async t => {
  const { log } = memoryLog()
  const addresses = await AnnouncedAddresses.start({
    entries: ['localhost'],
    setting: 'X',
    clock: new FakeClock(),
    log,
  })
  t.ok(addresses.current.some(one => one === '127.0.0.1' || one === '::1'))
  addresses.close()
})
