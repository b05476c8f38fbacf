import t from 'tap'
import { RateLimit } from '../../http/rate-limit.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'

t.test('RateLimit allows a minute’s requests at once and refills evenly', t => {
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
  t.same(take(7), [0, 0, 0, 0, 0, 0, 10], 'never more than a minute’s requests')
  t.end()
})

t.test('RateLimit counts IPv4 addresses apart and groups IPv6 by /64', t => {
  const limit = new RateLimit(1, new FakeClock())
  const limited = (address: string) => limit.take(address) > 0
  t.equal(limited('192.0.2.1'), false)
  t.equal(limited('192.0.2.2'), false)
  t.equal(
    limited('::ffff:192.0.2.1'),
    true,
    'an IPv4-mapped address is the IPv4 address',
  )
  t.equal(limited('2001:db8:0:1::1'), false)
  t.equal(limited('2001:db8:0:1:ffff::9'), true, 'the same /64')
  t.equal(limited('2001:db8::1:0:0:0:9'), true, 'the same /64, compressed')
  t.equal(limited('2001:db8:0:2::1'), false)
  t.equal(limited('fe80::1%eth0'), false)
  t.equal(limited('fe80::2%eth0'), true)
  t.end()
})

t.test('RateLimit with 0 requests per minute has no limit', t => {
  const limit = new RateLimit(0, new FakeClock())
  t.same(
    new Set(Array.from({ length: 1_000 }, () => limit.take('192.0.2.1'))),
    new Set([0]),
  )
  t.end()
})

t.test('RateLimit tracks 10,000 addresses and drops the oldest', t => {
  const limit = new RateLimit(1, new FakeClock())
  const address = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
  for (let i = 0; i < 10_001; i++) limit.take(address(i))
  t.ok(limit.take(address(10_000)) > 0, 'the newest is tracked')
  t.equal(limit.take(address(0)), 0, 'the oldest was dropped')
  t.end()
})
