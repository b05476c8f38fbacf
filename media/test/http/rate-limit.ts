import t from 'tap'
import { RateLimit } from '../../http/rate-limit.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

t.test('a share may be used at once, and comes back evenly', t => {
  const clock = new FakeClock()
  const limit = new RateLimit(6, clock)
  const take = (times: number) =>
    Array.from({ length: times }, () => limit.take('192.0.2.1'))
  t.same(take(7), [0, 0, 0, 0, 0, 0, 10])
  clock.advance(10_000)
  t.same(take(2), [0, 10])
  clock.advance(5_000)
  t.same(take(1), [5])
  clock.advance(3_600_000)
  t.same(take(7), [0, 0, 0, 0, 0, 0, 10], 'no more than a minute’s share')
  t.end()
})

t.test('addresses do not share, networks of IPv6 do', t => {
  const limit = new RateLimit(1, new FakeClock())
  const refused = (address: string) => limit.take(address) > 0
  t.equal(refused('192.0.2.1'), false)
  t.equal(refused('192.0.2.2'), false)
  t.equal(refused('::ffff:192.0.2.1'), true, 'the same, mapped')
  t.equal(refused('2001:db8:0:1::1'), false)
  t.equal(refused('2001:db8:0:1:ffff::9'), true, 'the same /64')
  t.equal(refused('2001:db8::1:0:0:0:9'), true, 'the same /64, compressed')
  t.equal(refused('2001:db8:0:2::1'), false)
  t.equal(refused('fe80::1%eth0'), false)
  t.equal(refused('fe80::2%eth0'), true)
  t.end()
})

t.test('0 limits nothing', t => {
  const limit = new RateLimit(0, new FakeClock())
  t.same(
    new Set(Array.from({ length: 1_000 }, () => limit.take('192.0.2.1'))),
    new Set([0]),
  )
  t.end()
})

t.test('no more than 10,000 addresses are remembered', t => {
  const limit = new RateLimit(1, new FakeClock())
  const address = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
  for (let i = 0; i < 10_001; i++) limit.take(address(i))
  t.ok(limit.take(address(10_000)) > 0, 'the newest is remembered')
  t.equal(limit.take(address(0)), 0, 'the oldest is forgotten')
  t.end()
})
