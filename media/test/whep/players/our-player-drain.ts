/** The player page in Chromium on two cores behind a load balancer. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { balancer } from '../fixtures/balancer.ts'
import {
  decodes,
  hasSaid,
  hasState,
  keepWords,
  openPage,
  startChromium,
} from '../fixtures/chromium.ts'
import { H264, LiveServer } from '../fixtures/live-server.ts'

requireFfmpeg(t)
t.setTimeout(200_000)

/** Numbers of POSTs that a core has answered with 201 and with 503. */
function posts({ observations }: LiveServer) {
  const count = (code: string) =>
    observations.count('whep_requests_total', {
      route: 'POST /api/v3/whep/{id}',
      stream_id: 'cam',
      code,
    })
  return { admitted: count('201'), refused: count('503') }
}

async function drain(
  { base }: LiveServer,
  on: boolean,
  query = '',
): Promise<void> {
  const response = await fetch(new URL(`/api/v3/webrtc/drain${query}`, base), {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ drain: on }),
  })
  if (!response.ok) throw new Error(await response.text())
}

await t.test('the player page while cores drain', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const core = (publicBasePath: string) =>
    LiveServer.start(t, {
      ports: 30,
      streams: { cam: H264 },
      config: { publicBasePath },
    })
  const first = await core('/first')
  const second = await core('/second')
  const idle = { first: first.portsInUse, second: second.portsInUse }
  const cores = new Map([
    ['/first', first.base],
    ['/second', second.base],
  ])
  const url = new URL('player/cam', await balancer(t, cores)).href
  const viewers = () => [first.sessions.size, second.sessions.size]
  const isSeen = (words: readonly [number, number]) =>
    waitFor(() => viewers().join() === words.join(), `${words.join()} viewers`)

  await t.test(
    'viewers of a drained core stay until they leave, new ones play elsewhere',
    async t => {
      const stays = await openPage(t, browser)
      await stays.page.goto(url)
      await hasState(stays.page, 'playing')
      t.same(viewers(), [1, 0])
      await drain(first, true)
      const comes = await openPage(t, browser)
      await comes.page.goto(url)
      await hasState(comes.page, 'playing')
      t.same(viewers(), [1, 1])
      const frames = Number(
        await stays.page.getAttribute('body', 'data-frames'),
      )
      await decodes(stays.page, frames + 30)
      await stays.page.goto('about:blank')
      await first.settles(idle.first)
      await comes.page.goto('about:blank')
      await second.settles(idle.second)
      await drain(first, false)
      t.same([...stays.errors, ...comes.errors], [])
    },
  )

  await t.test(
    'a viewer that end_after disconnects plays again at the same URL',
    async t => {
      const { page, errors } = await openPage(t, browser)
      await keepWords(page)
      await page.goto(url)
      await hasState(page, 'playing')
      t.same(viewers(), [1, 0])
      await drain(first, true, '?end_after=1')
      await hasSaid(page, 'The server ended this view. Trying again in 1 s.')
      await isSeen([0, 1])
      await hasState(page, 'playing')
      await decodes(page, 15)
      t.equal(page.url(), url)
      t.same(errors, [])
      t.same(
        posts(first),
        { admitted: 2, refused: 0 },
        'the balancer sends it no POST',
      )
      await first.settles(idle.first)

      // Now no core is left.
      await drain(second, true, '?end_after=0')
      await hasState(page, 'failed', 'This server takes no new viewers now.')
      await hasSaid(page, 'takes no new viewers now. Trying again in 5 s.')
      t.same(viewers(), [0, 0])
      await second.settles(idle.second)
      await drain(second, false)
      await hasState(page, 'playing')
      await decodes(page, 15)
      t.same(viewers(), [0, 1])
      const { admitted, refused } = posts(second)
      t.equal(admitted, 3)
      t.ok(refused > 0)
      const logged = errors.filter(line => !line.includes('503'))
      t.same(logged, [])
      t.equal(errors.length, refused, 'each refusal is counted once')
      await page.goto('about:blank')
      await second.settles(idle.second)
    },
  )

  for (const { observations } of [first, second]) {
    for (const family of ['ice_failures_total', 'cap_rejections_total']) {
      t.equal(observations.count(family), 0, family)
    }
  }
})
