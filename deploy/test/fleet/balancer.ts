/** The fleet's HAProxy, before cores and a Prometheus that only know HTTP. */
import t, { type Test } from 'tap'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import {
  startFakeCore,
  startFakePrometheus,
  type FakeCore,
} from './fixtures/fake-core.ts'
import {
  startHaproxy,
  type Haproxy,
  type HaproxyOptions,
} from './fixtures/haproxy.ts'

const ENDPOINT = '/api/v3/whep/demo'
/** As long as the longest offer that a core takes. */
const OFFER = 'v=0\r\n'.padEnd(64 * 1024, 'a')

interface Fleet {
  readonly cores: readonly [FakeCore, FakeCore, FakeCore]
  readonly haproxy: Haproxy
  /** POSTs `count` offers at once and returns the status of each. */
  post(count: number): Promise<readonly number[]>
}

async function startFleet(
  t: Test,
  weights: Readonly<Record<string, number>> = {},
  more: Pick<HaproxyOptions, 'prometheusUrl'> = {},
): Promise<Fleet> {
  const cores = [
    await startFakeCore(t, 'core1'),
    await startFakeCore(t, 'core2'),
    await startFakeCore(t, 'core3'),
  ] as const
  const haproxy = await startHaproxy(t, {
    cores: Object.fromEntries(
      cores.map(({ name, address }) => [
        name,
        `${address} weight ${weights[name] ?? 100}`,
      ]),
    ),
    ...more,
  })
  return {
    cores: [...cores],
    haproxy,
    post: count =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const { status } = await haproxy.send('POST', ENDPOINT, OFFER)
          return status
        }),
      ),
  }
}

function sizes({ cores }: Fleet): readonly number[] {
  return cores.map(({ sessions }) => sessions.size)
}

const all = (count: number, status: number) =>
  Array.from({ length: count }, () => status)

/**
 * Starts a fleet whose Prometheus reports the cores' own sessions plus `extra`,
 * and waits until HAProxy knows them.
 */
async function startWatchedFleet(
  t: Test,
  extra: Readonly<Record<string, number>>,
  weights: Readonly<Record<string, number>> = {},
): Promise<Fleet> {
  let polls = 0
  const prometheusUrl = await startFakePrometheus(t, () => {
    polls += 1
    return extra
  })
  const fleet = await startFleet(t, weights, { prometheusUrl })
  // Health checks find the cores in the first second.
  const before = polls
  await waitFor(() => polls >= before + 2, 'two polls')
  return fleet
}

t.test('the balancer', { jobs: 3 }, t => {
  if (requireProgram(t, 'haproxy') === undefined) {
    t.end()
    return
  }

  t.test('spreads viewers evenly without Prometheus', async t => {
    const fleet = await startFleet(t)
    t.same(await fleet.post(90), all(90, 201))
    t.same(sizes(fleet), [30, 30, 30])
  })

  t.test('fills the core with the fewest viewers first', async t => {
    const viewers = { core1: 60, core2: 40, core3: 0 }
    const fleet = await startWatchedFleet(t, viewers)
    t.same(await fleet.post(80), all(80, 201))
    // 180 in all, 60 on each.
    t.same(sizes(fleet), [0, 20, 60])
  })

  t.test('logs once that it has no numbers, and why', async t => {
    let polls = 0
    const prometheusUrl = await startFakePrometheus(t, () => {
      polls += 1
      return 'unavailable'
    })
    const fleet = await startFleet(t, {}, { prometheusUrl })
    t.same(await fleet.post(3), all(3, 201))
    await waitFor(() => polls >= 3, 'three polls')
    const logged = fleet.haproxy.log().match(/least-viewers: .*$/gm) ?? []
    const why = `${prometheusUrl} has no numbers: status 503`
    t.same(
      [...new Set(logged)],
      [`least-viewers: cores take turns, since ${why}`],
    )
    // HAProxy writes each line of a Lua program to its log and to stderr.
    t.ok(logged.length <= 2, `${logged.length} lines`)
  })

  t.test('gives a core viewers by its weight', async t => {
    const none = { core1: 0, core2: 0, core3: 0 }
    const fleet = await startWatchedFleet(t, none, { core3: 200 })
    await fleet.post(80)
    t.same(sizes(fleet), [20, 20, 40])
  })

  t.test(
    'counts no viewer twice if numbers arrive at different times',
    async t => {
      let polls = 0
      let cores: readonly FakeCore[] = []
      const prometheusUrl = await startFakePrometheus(t, () => {
        polls += 1
        // Only the viewers of core1 are known at once.
        return { core1: cores[0]?.sessions.size ?? 0, core2: 0, core3: 0 }
      })
      const fleet = await startFleet(t, {}, { prometheusUrl })
      cores = fleet.cores
      for (let burst = 0; burst < 3; burst += 1) {
        const before = polls
        await waitFor(() => polls >= before + 2, 'two polls')
        await fleet.post(30)
      }
      t.same(sizes(fleet), [30, 30, 30])
    },
  )

  t.test('takes a core without an exporter for an average one', async t => {
    const fleet = await startWatchedFleet(t, { core1: 30, core3: 30 })
    await fleet.post(30)
    t.same(sizes(fleet), [10, 10, 10])
  })

  t.test('passes over a core that has just refused a viewer', async t => {
    const fleet = await startWatchedFleet(t, { core1: 0, core2: 90, core3: 90 })
    const [first] = fleet.cores
    first.cap = 10
    for (let index = 0; index < 60; index += 1) {
      t.same(await fleet.post(1), [201])
    }
    t.equal(first.sessions.size, 10)
    // Each further one would count as an error on a core that is only full.
    t.ok(first.posts <= 12, `${first.posts} POSTs`)
    first.cap = Infinity
    await waitFor(async () => {
      await fleet.post(1)
      return first.sessions.size > 10
    }, 'viewers on core1 again')
  })

  for (const failure of [404, 409, 504]) {
    t.test(`a POST after a ${failure} goes to another core`, async t => {
      const idle = { core1: 0, core2: 90, core3: 90 }
      const fleet = await startWatchedFleet(t, idle)
      const [first] = fleet.cores
      first.failure = failure
      t.same(await fleet.post(1), [failure], 'is not handed on')
      for (let index = 0; index < 20; index += 1) {
        t.same(await fleet.post(1), [201])
      }
      const path = '/api/v3/whep/other'
      const other = await fleet.haproxy.send('POST', path, OFFER)
      t.equal(other.status, failure, 'only that stream is passed over')
    })
  }

  t.test('asks the least loaded core if all have just refused', async t => {
    const fleet = await startWatchedFleet(t, { core1: 0, core2: 90, core3: 90 })
    for (const core of fleet.cores) core.failure = 409
    for (const core of fleet.cores) {
      t.same(await fleet.post(1), [409])
      core.failure = undefined
    }
    t.same(await fleet.post(5), all(5, 201))
    t.same(sizes(fleet), [5, 0, 0])
  })

  t.test('brings each request for a session to its core', async t => {
    const fleet = await startFleet(t)
    for (let index = 0; index < 30; index += 1) {
      const { headers } = await fleet.haproxy.send('POST', ENDPOINT, OFFER)
      const session = String(headers['location'])
      const patch = await fleet.haproxy.send('PATCH', session, 'a=ice-ufrag:x')
      t.equal(patch.status, 204, session)
      t.equal((await fleet.haproxy.send('DELETE', session)).status, 204)
    }
    t.same(sizes(fleet), [0, 0, 0])
    t.equal((await fleet.haproxy.send('DELETE', '/core9/x')).status, 404)
    const stranger = `/core9${ENDPOINT}/x`
    t.equal((await fleet.haproxy.send('DELETE', stranger)).status, 404)
  })

  t.test('takes two cores, with any names that HAProxy allows', async t => {
    const cores = [
      await startFakeCore(t, 'eu-1.rack_2'),
      await startFakeCore(t, 'eu-1'),
    ]
    const prometheusUrl = await startFakePrometheus(t, () => ({
      'eu-1.rack_2': 0,
      'eu-1': 10,
    }))
    const haproxy = await startHaproxy(t, {
      cores: Object.fromEntries(cores.map(core => [core.name, core.address])),
      prometheusUrl,
    })
    await waitFor(async () => {
      await haproxy.send('POST', ENDPOINT, OFFER)
      return cores.every(({ sessions }) => sessions.size > 1)
    }, 'viewers on both')
    for (const { name, sessions } of cores) {
      for (const id of [...sessions]) {
        const path = `/${name}${ENDPOINT}/${id}`
        t.equal((await haproxy.send('DELETE', path)).status, 204, path)
      }
      t.equal(sessions.size, 0, name)
    }
  })

  t.test('hands viewers on from a core whose cap is reached', async t => {
    const fleet = await startFleet(t)
    const [first, second, third] = fleet.cores
    first.cap = 5
    t.same(await fleet.post(61), all(61, 201))
    t.equal(first.sessions.size, 5)
    t.ok(first.posts > 5, 'it has refused some')
    const lines = [...second.requests, ...third.requests]
    const bytes = lines.map(line => line.split(' ').at(-1))
    t.same([...new Set(bytes)], [String(OFFER.length)], 'whole offers')
  })

  t.test('finds the one core that has room left', async t => {
    const fleet = await startFleet(t)
    const [first, second, third] = fleet.cores
    first.cap = 0
    second.cap = 0
    for (let index = 0; index < 10; index += 1) await fleet.post(1)
    t.same(sizes(fleet), [0, 0, 10])
    third.cap = 10
    const answer = await fleet.haproxy.send('POST', ENDPOINT, OFFER)
    t.equal(answer.status, 503, 'all are full')
    t.equal(answer.headers['retry-after'], '5', "a core's own answer")
  })

  t.test('sends no viewer to a core that drains', async t => {
    const fleet = await startFleet(t)
    const [first] = fleet.cores
    const { headers } = await waitFor(async () => {
      const answer = await fleet.haproxy.send('POST', ENDPOINT, OFFER)
      return String(answer.headers['location']).startsWith('/core1') && answer
    }, 'a session on core1')
    first.draining = true
    const before = first.sessions.size
    t.same(await fleet.post(30), all(30, 201), 'also before a check fails')
    t.equal(first.sessions.size, before)
    await waitFor(async () => {
      const posts = first.posts
      await fleet.post(6)
      return first.posts === posts
    }, 'the check to fail')
    const session = String(headers['location'])
    const { status } = await fleet.haproxy.send('DELETE', session)
    t.equal(status, 204, 'its sessions are reached')
    first.draining = false
    await waitFor(async () => {
      await fleet.post(3)
      return first.sessions.size > before
    }, 'viewers on core1 again')
  })

  t.test('sends viewers elsewhere as soon as a core is dead', async t => {
    const fleet = await startFleet(t)
    fleet.cores[1].die()
    t.same(await fleet.post(30), all(30, 201))
    t.equal(fleet.cores[1].sessions.size, 0)
  })

  t.test('hands a viewer on from a core that dies during the POST', async t => {
    const fleet = await startFleet(t)
    fleet.cores[1].breaks = true
    t.same(await fleet.post(30), all(30, 201))
    t.ok(fleet.cores[1].requests.length > 0, 'it got some')
    t.equal(fleet.cores[1].sessions.size, 0)
  })

  t.test('answers /ping with 503 once no core takes viewers', async t => {
    const fleet = await startFleet(t)
    for (const core of fleet.cores) core.draining = true
    await waitFor(
      async () => (await fleet.haproxy.send('GET', '/ping')).status === 503,
      '503',
    )
  })

  t.test('opens viewers’ paths and no other', async t => {
    const fleet = await startFleet(t)
    const statusOf = async (path: string) =>
      (await fleet.haproxy.send('GET', path)).status
    for (const path of [
      '/',
      '/player/demo',
      '/player/demo/status',
      '/static/player.js',
      // The player imports it.
      '/static/admin/route.js',
    ]) {
      t.equal(await statusOf(path), 200, path)
    }
    for (const path of [
      '/admin/',
      '/admin',
      '/static/admin/',
      '/static/admin/../../admin/',
      '/api/v3/process',
      '/api/v3/process/demo',
      '/api/v3/processes/export',
      '/api/v3/webrtc/overview',
      '/api/v3/webrtc/drain',
      '/core1/api/v3/webrtc/drain',
      '/core1/api/v3/process',
      '/core1/admin/',
      '/core1/ping',
      '/ping/',
      '//api/v3/process',
      '/api/v3/whep/../process',
      '/api/v3/whep/%2e%2e/process',
    ]) {
      t.equal(await statusOf(path), 404, path)
    }
    const paths = fleet.cores.flatMap(core => core.requests)
    t.notMatch(paths.join('\n'), /\/admin\/?(?: |$)|process|webrtc/m)
  })

  t.test('sends viewers without TLS to HTTPS', async t => {
    const { haproxy } = await startFleet(t)
    const { status, headers } = await fetchPlain(haproxy)
    t.equal(status, 308)
    t.match(headers.get('location'), /^https:/)
  })

  t.end()
})

function fetchPlain({ plainUrl }: Haproxy) {
  return fetch(`${plainUrl}/player/demo`, { redirect: 'manual' })
}
