import t, { type Test } from 'tap'

import { PortPool } from '../../engine/port-pool.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

function poolOf(t: Test, foreign: Set<number>, keepOutMs = 60_000): PortPool {
  const pool = new PortPool({
    protocol: 'udp',
    min: 1_000,
    max: 1_003,
    probe: port => Promise.resolve(!foreign.has(port)),
    keepOutMs,
  })
  t.teardown(() => {
    pool.close()
  })
  return pool
}

await t.test('PortPool lends each port once, and counts', t => {
  const pool = poolOf(t, new Set())
  const leases = [pool.lease(), pool.lease(), pool.lease(), pool.lease()]
  t.same(
    leases.map(({ port }) => port),
    [1_000, 1_001, 1_002, 1_003],
  )
  t.same(pool.counts(), { inUse: 4, available: 0 })
  t.throws(() => pool.lease(), {
    code: 'ports',
    message:
      'Cannot take a UDP port: all of 1000 to 1003 are in use ' +
      '(4 by us, 0 by other programs) or kept (0)',
  })
  leases[2]?.release()
  leases[2]?.release()
  t.same(pool.counts(), { inUse: 3, available: 1 }, 'release is idempotent')
  t.equal(pool.lease().port, 1_002)
  t.end()
})

await t.test('PortPool lends the port that has rested longest', t => {
  const pool = poolOf(t, new Set())
  pool.lease().release()
  t.equal(pool.lease().port, 1_001)
  t.end()
})

await t.test('PortPool keeps refused ports out, then asks again', async t => {
  const foreign = new Set([1_000])
  const pool = poolOf(t, foreign, 20)
  pool.lease().refuse()
  t.same(pool.counts(), { inUse: 0, available: 3 })
  t.equal(pool.lease().port, 1_001)
  foreign.clear()
  await waitFor(() => pool.counts().available === 3)
  t.same(pool.counts(), { inUse: 1, available: 3 })
})

await t.test('sweep finds what other programs hold', async t => {
  const pool = poolOf(t, new Set([1_001, 1_003]))
  await pool.sweep()
  t.same(pool.counts(), { inUse: 0, available: 2 })
  t.equal((await pool.leaseProbed()).port, 1_000)
  t.equal((await pool.leaseProbed()).port, 1_002)
  await t.rejects(pool.leaseProbed(), { code: 'ports' })
})

await t.test('leaseProbed skips what other programs took since', async t => {
  const foreign = new Set<number>()
  const pool = poolOf(t, foreign)
  foreign.add(1_000)
  t.equal((await pool.leaseProbed()).port, 1_001)
  t.same(pool.counts(), { inUse: 1, available: 2 })
})

await t.test('reserve takes that very port, if it is of the pool', t => {
  const pool = poolOf(t, new Set())
  t.equal(pool.reserve(999), undefined)
  const lease = pool.reserve(1_002)
  t.equal(lease?.port, 1_002)
  t.throws(() => pool.reserve(1_002), {
    code: 'ports',
    message: 'Cannot take UDP port 1002: it is in use',
  })
  lease?.release()
  t.same(pool.counts(), { inUse: 0, available: 4 })
  t.end()
})

await t.test('keep leaves ports to reserve', t => {
  const pool = poolOf(t, new Set())
  const letGo = pool.keep([1_000, 1_001])
  const letGoToo = pool.keep([1_001])
  t.same(pool.counts(), { inUse: 0, available: 4 }, 'they are not in use')
  t.equal(pool.lease().port, 1_002)
  t.equal(pool.lease().port, 1_003)
  t.throws(() => pool.lease(), { code: 'ports', message: /or kept \(2\)$/ })
  pool.reserve(1_001)?.release()
  t.throws(() => pool.lease(), { code: 'ports' }, 'also after their use')
  letGo()
  letGo()
  t.equal(pool.lease().port, 1_000)
  t.throws(() => pool.lease(), { code: 'ports' }, 'somebody keeps it still')
  letGoToo()
  t.equal(pool.lease().port, 1_001)
  t.end()
})

await t.test('PortPool tells each change of its counts', async t => {
  const foreign = new Set([1_000])
  const seen: number[] = []
  const pool: PortPool = new PortPool({
    protocol: 'udp',
    min: 1_000,
    max: 1_001,
    probe: port => Promise.resolve(!foreign.has(port)),
    keepOutMs: 20,
    onChange: () => seen.push(pool.counts().available),
  })
  t.teardown(() => {
    pool.close()
  })
  await pool.sweep()
  pool.lease().release()
  foreign.clear()
  await waitFor(() => seen.length === 4)
  t.same(seen, [1, 0, 1, 2])
})
