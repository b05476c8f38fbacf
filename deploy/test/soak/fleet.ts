/**
 * A fleet of three media processes, with three exporters, HAProxy and
 * Prometheus. Sessions that need no media are opened with offers that never
 * connect; who plays is a real viewer.
 */
import t, { type Test } from 'tap'
import { fragmentOf } from '../../../media/test/whep/fixtures/offers.ts'
import {
  decodes,
  hasState,
  openPage,
  startChromium,
} from '../../../media/test/whep/fixtures/chromium.ts'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { makeOffer } from '../../verify/offer.ts'
import { CORES, startFleet, type Fleet } from '../fleet/fixtures/fleet.ts'
import { WhepViewer } from '../fixtures/whep-viewer.ts'
import {
  FLEET,
  readDashboard,
  readVerdict,
} from '../truenas/fixtures/dashboard.ts'

t.setTimeout(900_000)

const ENDPOINT = '/api/v3/whep/demo'
const VIEWERS = 300
/** How much more than the mean a core may get. */
const MAX_SHARE = 1.3
/** Viewers that core3 takes. */
const CAP = 110
/** Until a viewer of a dead core plays on another one. */
const MAX_REPLAY_MS = 10_000
/** Snapshot, scrape and alert evaluation each delay the first line. */
const FIRST_LINE_TIMEOUT_MS = 90_000
/** The balancer counts a POST, which may have been refused, for 25 s. */
const PLACEMENT_TIMEOUT_MS = 60_000
/** Silence after which the plain client POSTs again. */
const MAX_SILENCE_MS = 2_000

/** A session that was opened through the balancer. */
interface Opened {
  readonly core: string
  readonly path: string
  readonly etag: string
  readonly offer: string
}

/** Counts the responses that clients got, by method and status. */
class Client {
  readonly counts = new Map<string, number>()
  readonly #fleet: Fleet

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** POSTs an offer; undefined if the response is not 201. */
  async open(): Promise<Opened | undefined> {
    const offer = makeOffer()
    const answer = await this.#fleet.haproxy.send('POST', ENDPOINT, offer)
    this.#count('POST', answer.status)
    if (answer.status !== 201) return undefined
    const path = String(answer.headers['location'])
    const core = path.split('/')[1] ?? ''
    return { core, path, etag: String(answer.headers['etag']), offer }
  }

  /** POSTs `count` offers, ten at a time. */
  async openMany(count: number): Promise<readonly Opened[]> {
    const opened: Opened[] = []
    let left = count
    const work = async () => {
      while (left > 0) {
        left -= 1
        const session = await this.open()
        if (session !== undefined) opened.push(session)
      }
    }
    await Promise.all(Array.from({ length: 10 }, work))
    return opened
  }

  async patch({ path, etag, offer }: Opened): Promise<number> {
    const { haproxy } = this.#fleet
    const { status } = await haproxy.send('PATCH', path, fragmentOf(offer), {
      'content-type': 'application/trickle-ice-sdpfrag',
      'if-match': etag,
    })
    this.#count('PATCH', status)
    return status
  }

  async close({ path }: Opened): Promise<number> {
    const { status } = await this.#fleet.haproxy.send('DELETE', path)
    this.#count('DELETE', status)
    return status
  }

  #count(method: string, status: number): void {
    const key = `${method} ${status}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
  }
}

/** Requests over the three exporters, by method and status. */
async function totals({ cores }: Fleet): Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>()
  for (const core of cores) {
    for (const { name, labels, value } of await core.scrape()) {
      if (name !== 'dragonfork_webrtc_whep_requests_total') continue
      const key = `${labels['route']?.split(' ')[0]} ${labels['code']}`
      sums.set(key, (sums.get(key) ?? 0) + value)
    }
  }
  return sums
}

/** `after` less `before`, without what did not change. */
function difference(
  after: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  const changed = [...after]
    .map(([key, value]) => [key, value - (before.get(key) ?? 0)] as const)
    .filter(([, value]) => value !== 0)
  return Object.fromEntries(changed)
}

function perCore(sessions: readonly Opened[]): readonly number[] {
  return CORES.map(name => sessions.filter(({ core }) => core === name).length)
}

/** Waits until a probe after this call has played on these cores, and no other. */
async function probesPlay(
  t: Test,
  { prometheus }: Fleet,
  names: readonly string[],
): Promise<void> {
  const since = Date.now() / 1000
  await waitFor(
    async () => {
      const last = await prometheus.query('dragonfork_probe_success')
      const played = await prometheus.query(
        `timestamp(dragonfork_probe_success) > ${since} ` +
          'and dragonfork_probe_success == 1',
      )
      const coresOf = (samples: typeof last) =>
        samples.map(({ labels }) => labels['core']).sort()
      return [last, played].every(
        samples => coresOf(samples).join() === names.join(),
      )
    },
    `probes of ${names.join()} only`,
    FIRST_LINE_TIMEOUT_MS,
  )
  t.pass(`probes play on ${names.join()}`)
}

/** Waits until the Fleet dashboard has these first lines. */
async function showsLines(
  t: Test,
  { prometheus }: Fleet,
  expected: Readonly<Record<string, string>>,
): Promise<void> {
  const [table] = (await readDashboard(FLEET)).panels
  const queries = (table?.targets ?? []).map(({ expr }) => expr)
  const { texts } = await readVerdict()
  let last = ''
  const found = waitFor(
    async () => {
      const samples = await prometheus.query(queries[0] ?? '')
      const lines = samples.map(({ labels, value }) => [
        labels['core'],
        texts.get(value) ?? 'No text',
      ])
      last = JSON.stringify(lines.sort())
      return last === JSON.stringify(Object.entries(expected))
    },
    'the first lines',
    FIRST_LINE_TIMEOUT_MS,
  )
  await found.catch((cause: unknown) => {
    throw new Error(`Expected ${JSON.stringify(expected)}, got ${last}`, {
      cause,
    })
  })
  for (const expr of queries) {
    const samples = await prometheus.query(expr.replaceAll('[5m]', '[15s]'))
    const cores = samples.map(({ labels }) => labels['core'])
    t.equal(new Set(cores).size, samples.length, 'one value per core')
    for (const { labels } of samples) t.same(Object.keys(labels), ['core'])
  }
  t.pass(JSON.stringify(expected))
}

/**
 * A WHEP client that POSTs again after a silence. Resolves to a viewer that
 * plays.
 */
async function rePost(
  t: Test,
  { haproxy }: Fleet,
  viewer: WhepViewer,
): Promise<WhepViewer> {
  let packets = viewer.packets('video')
  let sinceMs = performance.now()
  await waitFor(() => {
    const now = viewer.packets('video')
    if (now !== packets) sinceMs = performance.now()
    packets = now
    return performance.now() - sinceMs > MAX_SILENCE_MS
  }, 'a silence')
  const next = await WhepViewer.open(t, haproxy.plainUrl + ENDPOINT)
  await next.plays()
  return next
}

/** Opens real viewers until one is on `name`; the others leave. */
async function openOn(
  t: Test,
  fleet: Fleet,
  name: string,
): Promise<WhepViewer> {
  const core = fleet.coreOf(name)
  const viewer = await waitFor(
    async () => {
      const before = await core.viewers()
      const opened = await WhepViewer.open(t, fleet.haproxy.plainUrl + ENDPOINT)
      if ((await core.viewers()) > before) return opened
      await opened.end()
      return undefined
    },
    `a viewer on ${name}`,
    PLACEMENT_TIMEOUT_MS,
  )
  await viewer.plays()
  return viewer
}

await t.test('a fleet of three cores', async t => {
  if (requireProgram(t, 'haproxy') === undefined) return
  if (requireProgram(t, 'prometheus') === undefined) return
  const fleet = await startFleet(
    t,
    {
      // For the test's own end: these offers never connect.
      CORE_WEBRTC_ICE_TIMEOUT_MS: '600000',
      CORE_WEBRTC_MAX_PEERS_TOTAL: '0',
      CORE_WEBRTC_MAX_PEERS_PER_STREAM: '0',
    },
    { core3: { CORE_WEBRTC_MAX_PEERS_TOTAL: String(CAP) } },
  )
  const { cores, prometheus } = fleet
  const client = new Client(fleet)
  const before = await totals(fleet)
  const well = { core1: 'OK', core2: 'OK', core3: 'OK' }
  let sessions: readonly Opened[] = []

  await t.test('is OK, core by core', async t => {
    await showsLines(t, fleet, well)
    await probesPlay(t, fleet, CORES)
  })

  await t.test('spreads 300 viewers', async t => {
    sessions = await client.openMany(VIEWERS)
    t.equal(sessions.length, VIEWERS)
    const counts = perCore(sessions)
    t.comment(`viewers: ${counts.join(', ')}`)
    t.ok(Math.max(...counts) <= (MAX_SHARE * VIEWERS) / CORES.length)
    await waitFor(async () => {
      const found = await prometheus.query(
        'sum by (core) (dragonfork_webrtc_active_peers)',
      )
      const shown = CORES.map(
        name => found.find(({ labels }) => labels['core'] === name)?.value,
      )
      return shown.join() === counts.join()
    }, 'Prometheus has the same numbers')
  })

  await t.test('brings 100 of 100 PATCH and DELETE to their core', async t => {
    const some = sessions.slice(0, 100)
    const patched = await Promise.all(some.map(each => client.patch(each)))
    t.same([...new Set(patched)], [204])
    const closed = await Promise.all(some.map(each => client.close(each)))
    t.same([...new Set(closed)], [204])
    sessions = sessions.slice(100)
    const counts = await Promise.all(cores.map(core => core.viewers()))
    t.same(counts, perCore(sessions))
  })

  await t.test('hands viewers on once a core has reached its cap', async t => {
    const missing = 3 * CAP + 20 - sessions.length
    const more = await client.openMany(missing)
    t.equal(more.length, missing, 'all got 201')
    sessions = [...sessions, ...more]
    t.equal(await fleet.coreOf('core3').viewers(), CAP)
    const viewer = await WhepViewer.open(t, fleet.haproxy.plainUrl + ENDPOINT)
    await viewer.plays()
    t.equal(await fleet.coreOf('core3').viewers(), CAP, 'it plays elsewhere')
    t.equal(await viewer.end(), 204)
  })

  await t.test('counts exactly what its clients counted', async t => {
    for (const session of sessions) t.equal(await client.close(session), 204)
    const wanted = new Map(client.counts)
    // The real viewer.
    for (const key of ['POST 201', 'DELETE 204']) {
      wanted.set(key, (wanted.get(key) ?? 0) + 1)
    }
    const expected = Object.fromEntries([...wanted].sort())
    const found = await waitFor(async () => {
      const all = difference(await totals(fleet), before)
      return all['DELETE 204'] === expected['DELETE 204'] && all
    }, 'the exporters have every DELETE')
    const { 'POST 503': handedOn, ...others } = found
    t.same(others, expected)
    t.ok(handedOn, `${handedOn} refusals that no client has seen`)
    const left = await Promise.all(cores.map(core => core.viewers()))
    t.same(left, [0, 0, 0])
  })

  await t.test('plays elsewhere once a core is killed', async t => {
    const browser = await startChromium(t)
    const tab = browser && (await openPage(t, browser))
    if (tab) {
      await tab.page.goto(`${fleet.haproxy.plainUrl}/player/demo`)
      await hasState(tab.page, 'playing')
    }
    const busy = await waitFor(async () => {
      const counts = await Promise.all(cores.map(core => core.viewers()))
      return cores[tab ? counts.indexOf(1) : 0]
    }, 'the core of the page')
    const viewer = await openOn(t, fleet, busy.name)
    const killedMs = performance.now()
    busy.stack.media.kill('SIGKILL')
    const tookMs = () => Math.round(performance.now() - killedMs)
    const player = async () => {
      if (!tab) return
      // One of them may be the plain client. Until the page is there too, it
      // shows the state and counts the frames of the dead core.
      await waitFor(async () => {
        const counts = await Promise.all(
          cores.filter(core => core !== busy).map(core => core.viewers()),
        )
        return counts.reduce((sum, count) => sum + count) >= 2
      }, 'the page and the plain client are on other cores')
      await tab.page.evaluate("document.body.dataset.frames = '0'")
      await decodes(tab.page, 5)
      await hasState(tab.page, 'playing')
      const ms = tookMs()
      t.ok(ms < MAX_REPLAY_MS, `the page plays again after ${ms} ms`)
    }
    const plain = async () => {
      const next = await rePost(t, fleet, viewer)
      const ms = tookMs()
      t.ok(ms < MAX_REPLAY_MS, `the plain client after ${ms} ms`)
      return next
    }
    const [next] = await Promise.all([plain(), player()])
    await showsLines(t, fleet, {
      ...well,
      [busy.name]: 'Media process not connected',
    })
    await probesPlay(
      t,
      fleet,
      CORES.filter(name => name !== busy.name),
    )
    await next.end()
    await tab?.page.goto('about:blank')
    await busy.restart()
    await showsLines(t, fleet, well)
  })

  await t.test('empties a core that drains', async t => {
    const [first] = cores
    if (first === undefined) throw new Error('No cores')
    const stays = await openOn(t, fleet, first.name)
    const leaves = await openOn(t, fleet, first.name)
    await first.drain(true)
    const opened = await client.openMany(30)
    t.equal(opened.length, 30)
    t.equal(perCore(opened)[0], 0)
    await stays.plays()
    await showsLines(t, fleet, {
      ...well,
      [first.name]: 'Draining: no new viewers',
    })
    await probesPlay(t, fleet, CORES)
    t.equal(await leaves.end(), 204, 'DELETE reaches it')
    await first.drain(true, '?end_after=1')
    const next = await rePost(t, fleet, stays)
    t.equal(await first.viewers(), 0)
    await next.end()
    for (const session of opened) await client.close(session)
    await first.drain(false)
    await showsLines(t, fleet, well)
  })

  await t.test('shows a dead exporter, and viewers play on', async t => {
    const core = fleet.coreOf('core2')
    const viewer = await openOn(t, fleet, core.name)
    core.stack.exporter.kill('SIGKILL')
    await showsLines(t, fleet, {
      ...well,
      core2: 'No metrics: exporter down',
    })
    await probesPlay(t, fleet, ['core1', 'core3'])
    await viewer.plays()
    const opened = await client.openMany(30)
    t.equal(opened.length, 30)
    t.ok((perCore(opened)[1] ?? 0) > 0, 'it still gets viewers')
    for (const session of opened) await client.close(session)
    t.equal(await viewer.end(), 204)
  })
})
