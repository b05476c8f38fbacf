import t, { type Test } from 'tap'

import type { MediaWorker } from '../../engine/media-worker.ts'
import { startMediaStack } from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { Feeds } from '../../router/feeds.ts'
import { codecsOf, type Feed } from '../../router/feed.ts'
import { ownLayout, routerCodecs, type Layout } from '../../router/layout.ts'

const CODECS = { video: 'h264', audio: 'opus' } as const
const OWN = ownLayout(CODECS)

t.setTimeout(120_000)

const stack = await startMediaStack({ ports: 10, workers: 2 })
t.teardown(() => stack.close())
const [worker, other] = stack.engine.workers
if (worker === undefined || other === undefined) throw new Error('No workers')

function layout(audio: number): Layout {
  return { audio: { payloadType: audio } }
}

/** Real routers, without the pipes between them. */
async function makeFeed(of: MediaWorker, has: Layout): Promise<Feed> {
  const limit = AbortSignal.timeout(10_000)
  const router = await of.createRouter(routerCodecs(CODECS, has), limit)
  const close = () => {
    router.close()
  }
  return {
    worker: of,
    router,
    codecs: codecsOf(router),
    layout: has,
    producers: new Map(),
    close,
  }
}

async function start(t: Test, own: MediaWorker, idleMs = 10_000, most = 3) {
  const opened: Feed[] = []
  const feeds = new Feeds({
    own: await makeFeed(own, OWN),
    openPiped: async (of, has) => {
      const feed = await makeFeed(of, has)
      opened.push(feed)
      return feed
    },
    idleMs,
    most,
  })
  t.teardown(() => {
    feeds.close()
  })
  return { feeds, opened }
}

await t.test('Feeds gives the own one where it serves', async t => {
  const { feeds, opened } = await start(t, worker)
  t.same((await feeds.use(worker, layout(111))).feed.layout, OWN)
  t.not((await feeds.use(other, layout(111))).feed.layout, OWN)
  t.equal(opened.length, 1, 'in its own worker only')
})

await t.test('Feeds opens one for all who want it first', async t => {
  const { feeds, opened } = await start(t, worker)
  const uses = await Promise.all(
    [109, 109, 96].map(audio => feeds.use(worker, layout(audio))),
  )
  t.equal(opened.length, 2)
  t.equal(uses[0]?.feed, uses[1]?.feed)
})

await t.test('Feeds closes one that idles', async t => {
  const { feeds, opened } = await start(t, worker, 50)
  const one = await feeds.use(worker, layout(109))
  const two = await feeds.use(worker, layout(109))
  one.done()
  one.done()
  const again = feeds.use(worker, layout(109))
  two.done()
  t.equal((await again).feed.router.closed, false, 'not while it is in use')
  ;(await again).done()
  await waitFor(() => opened[0]?.router.closed ?? false)
  await feeds.use(worker, layout(109))
  t.equal(opened.length, 2, 'and opens it anew')
})

await t.test('Feeds drops the one that idles longest for another', async t => {
  const { feeds, opened } = await start(t, worker)
  const uses = []
  for (const audio of [96, 97, 98]) {
    uses.push(await feeds.use(worker, layout(audio)))
  }
  await t.rejects(feeds.use(worker, layout(99)), {
    code: 'layouts',
    message: /3 payload-type layouts have viewers, limit is 3$/,
  })
  uses[1]?.done()
  uses[0]?.done()
  await feeds.use(worker, layout(97)).then(use => {
    use.done()
  })
  await feeds.use(worker, layout(99))
  t.same(
    opened.map(({ router }) => router.closed),
    [true, false, false, false],
  )
})

await t.test('Feeds forgets one that could not be opened', async t => {
  let attempts = 0
  const feeds = new Feeds({
    own: await makeFeed(worker, OWN),
    openPiped: (of, has) => {
      attempts++
      if (attempts === 1) return Promise.reject(new Error('No port'))
      return makeFeed(of, has)
    },
    idleMs: 10_000,
    most: 1,
  })
  await t.rejects(feeds.use(worker, layout(96)), { message: 'No port' })
  await feeds.use(worker, layout(96))
  t.equal(attempts, 2)
  feeds.close()
  await t.rejects(feeds.use(worker, layout(97)), { code: 'worker' })
})

await t.test('Feeds forgets one whose worker died', async t => {
  const { feeds, opened } = await start(t, worker)
  const { feed } = await feeds.use(other, layout(96))
  process.kill(other.pid, 'SIGKILL')
  await waitFor(() => feed.router.closed)
  t.equal(opened.length, 1)
  await t.rejects(feeds.use(other, layout(96)), { code: 'worker' })
})
