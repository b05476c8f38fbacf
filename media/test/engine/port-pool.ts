import t, { type Test } from 'tap'

import { PortPool } from '../../engine/port-pool.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

function poolOf(t: Test, busy: Set<number>, quarantineMs = 60_000): PortPool {
  const pool = new PortPool({
    protocol: 'udp',
    min: 1_000,
    max: 1_003,
    probe: port => Promise.resolve(!busy.has(port)),
    quarantineMs,
  })
  t.teardown(() => {
    pool.close()
  })
  return pool
}

await t.test('PortPool leases each port once and counts it', t => {
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
      'Cannot lease a UDP port: all of 1000 to 1003 are in use ' +
      '(4 by us, 0 by other programs) or held (0)',
  })
  leases[2]?.release()
  leases[2]?.release()
  t.same(pool.counts(), { inUse: 3, available: 1 }, 'release is idempotent')
  t.equal(pool.lease().port, 1_002)
  t.end()
})

await t.test('PortPool leases the port that was released longest ago', t => {
  const pool = poolOf(t, new Set())
  pool.lease().release()
  t.equal(pool.lease().port, 1_001)
  t.end()
})

await t.test(
  'a quarantined port is available again once a probe finds it free',
  async t => {
    const busy = new Set([1_000])
    const pool = poolOf(t, busy, 20)
    pool.lease().quarantine()
    t.same(pool.counts(), { inUse: 0, available: 3 })
    t.equal(pool.lease().port, 1_001)
    busy.clear()
    await waitFor(() => pool.counts().available === 3)
    t.same(pool.counts(), { inUse: 1, available: 3 })
  },
)

await t.test(
  'scan() quarantines the ports that other programs use',
  async t => {
    const pool = poolOf(t, new Set([1_001, 1_003]))
    await pool.scan()
    t.same(pool.counts(), { inUse: 0, available: 2 })
    t.equal((await pool.leaseProbed()).port, 1_000)
    t.equal((await pool.leaseProbed()).port, 1_002)
    await t.rejects(pool.leaseProbed(), { code: 'ports' })
  },
)

await t.test('scan() probes only bound ports if they are known', async t => {
  const probed: number[] = []
  const pool = new PortPool({
    protocol: 'udp',
    min: 1_000,
    max: 1_003,
    probe: port => {
      probed.push(port)
      return Promise.resolve(port !== 1_002)
    },
    boundPorts: () => Promise.resolve(new Set([53, 1_001, 1_002])),
    quarantineMs: 60_000,
  })
  t.teardown(() => {
    pool.close()
  })
  await pool.scan()
  t.same(probed, [1_001, 1_002])
  t.same(pool.counts(), { inUse: 0, available: 3 })
})

await t.test(
  'leaseProbed() quarantines a port that another program uses since the scan',
  async t => {
    const busy = new Set<number>()
    const pool = poolOf(t, busy)
    busy.add(1_000)
    t.equal((await pool.leaseProbed()).port, 1_001)
    t.same(pool.counts(), { inUse: 1, available: 2 })
  },
)

await t.test('reserve() leases the given port if it is in the pool', t => {
  const pool = poolOf(t, new Set())
  t.equal(pool.reserve(999), undefined)
  const lease = pool.reserve(1_002)
  t.equal(lease?.port, 1_002)
  t.throws(() => pool.reserve(1_002), {
    code: 'ports',
    message: 'Cannot lease UDP port 1002: it is in use',
  })
  lease?.release()
  t.same(pool.counts(), { inUse: 0, available: 4 })
  t.end()
})

await t.test('lease() skips held ports, reserve() leases them', t => {
  const pool = poolOf(t, new Set())
  const endHold = pool.hold([1_000, 1_001])
  const endSecondHold = pool.hold([1_001])
  t.same(pool.counts(), { inUse: 0, available: 4 }, 'held ports are not in use')
  t.equal(pool.lease().port, 1_002)
  t.equal(pool.lease().port, 1_003)
  t.throws(() => pool.lease(), { code: 'ports', message: /or held \(2\)$/ })
  pool.reserve(1_001)?.release()
  t.throws(() => pool.lease(), { code: 'ports' }, 'a hold outlives a lease')
  endHold()
  endHold()
  t.equal(pool.lease().port, 1_000)
  t.throws(() => pool.lease(), { code: 'ports' }, 'the second hold remains')
  endSecondHold()
  t.equal(pool.lease().port, 1_001)
  t.end()
})

await t.test(
  'PortPool calls onChange at each change of its counts',
  async t => {
    const busy = new Set([1_000])
    const seen: number[] = []
    const pool: PortPool = new PortPool({
      protocol: 'udp',
      min: 1_000,
      max: 1_001,
      probe: port => Promise.resolve(!busy.has(port)),
      quarantineMs: 20,
      onChange: () => seen.push(pool.counts().available),
    })
    t.teardown(() => {
      pool.close()
    })
    await pool.scan()
    pool.lease().release()
    busy.clear()
    await waitFor(() => seen.length === 4)
    t.same(seen, [1, 0, 1, 2])
  },
)
