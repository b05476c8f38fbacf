import t, { type Test } from 'tap'

import type { MediaWorker } from '../../engine/media-worker.ts'
import { startMediaStack } from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { EgressRouters } from '../../stream/egress-routers.ts'
import { codecsOf, type PipedRouter } from '../../stream/egress-router.ts'
import {
  ingestMap,
  routerCodecs,
  type PayloadTypeMap,
} from '../../stream/payload-type-map.ts'

const CODECS = { video: 'h264', audio: 'opus' } as const
const INGEST = ingestMap(CODECS)

t.setTimeout(120_000)

const stack = await startMediaStack({ ports: 10, workers: 2 })
t.teardown(() => stack.close())
const [worker, other] = stack.engine.workers
if (worker === undefined || other === undefined) throw new Error('No workers')

function audioMap(payloadType: number): PayloadTypeMap {
  return { audio: { payloadType } }
}

/** A real router, without a pipe to it. */
async function openRouter(
  of: MediaWorker,
  map: PayloadTypeMap,
): Promise<PipedRouter> {
  const timeout = AbortSignal.timeout(10_000)
  const router = await of.createRouter(routerCodecs(CODECS, map), timeout)
  const close = () => {
    router.close()
  }
  return {
    worker: of,
    router,
    codecs: codecsOf(router),
    map,
    producers: new Map(),
    close,
  }
}

async function start(t: Test, ingest: MediaWorker, idleMs = 10_000, max = 3) {
  const opened: PipedRouter[] = []
  const routers = new EgressRouters({
    ingest: await openRouter(ingest, INGEST),
    openPiped: async (of, map) => {
      const router = await openRouter(of, map)
      opened.push(router)
      return router
    },
    idleMs,
    max,
  })
  t.teardown(() => {
    routers.close()
  })
  return { routers, opened }
}

await t.test('EgressRouters prefers the ingest router', async t => {
  const { routers, opened } = await start(t, worker)
  const near = await routers.acquire(worker, audioMap(111))
  t.same(near.egress.map, INGEST)
  const far = await routers.acquire(other, audioMap(111))
  t.not(far.egress.map, INGEST)
  t.equal(opened.length, 1, 'a router is opened in the other worker only')
})

await t.test('EgressRouters shares a router that is being opened', async t => {
  const { routers, opened } = await start(t, worker)
  const acquired = await Promise.all(
    [109, 109, 96].map(audio => routers.acquire(worker, audioMap(audio))),
  )
  t.equal(opened.length, 2)
  t.equal(acquired[0]?.egress, acquired[1]?.egress)
})

await t.test('EgressRouters closes an idle router', async t => {
  const { routers, opened } = await start(t, worker, 50)
  const one = await routers.acquire(worker, audioMap(109))
  const two = await routers.acquire(worker, audioMap(109))
  one.release()
  one.release()
  const again = routers.acquire(worker, audioMap(109))
  two.release()
  t.equal(
    (await again).egress.router.closed,
    false,
    'a router in use stays open',
  )
  ;(await again).release()
  await waitFor(() => opened[0]?.router.closed ?? false)
  await routers.acquire(worker, audioMap(109))
  t.equal(opened.length, 2, 'a new router is opened on demand')
})

await t.test(
  'EgressRouters at its limit closes the router idle the longest',
  async t => {
    const { routers, opened } = await start(t, worker)
    const acquired = []
    for (const audio of [96, 97, 98]) {
      acquired.push(await routers.acquire(worker, audioMap(audio)))
    }
    await t.rejects(routers.acquire(worker, audioMap(99)), {
      code: 'layouts',
      message: /3 payload type maps have viewers, limit is 3$/,
    })
    acquired[1]?.release()
    acquired[0]?.release()
    const { release } = await routers.acquire(worker, audioMap(97))
    release()
    await routers.acquire(worker, audioMap(99))
    t.same(
      opened.map(({ router }) => router.closed),
      [true, false, false, false],
    )
  },
)

await t.test('EgressRouters retries after a router failed to open', async t => {
  let attempts = 0
  const routers = new EgressRouters({
    ingest: await openRouter(worker, INGEST),
    openPiped: (of, map) => {
      attempts++
      if (attempts === 1) return Promise.reject(new Error('No port'))
      return openRouter(of, map)
    },
    idleMs: 10_000,
    max: 1,
  })
  await t.rejects(routers.acquire(worker, audioMap(96)), { message: 'No port' })
  await routers.acquire(worker, audioMap(96))
  t.equal(attempts, 2)
  routers.close()
  await t.rejects(routers.acquire(worker, audioMap(97)), { code: 'worker' })
})

await t.test('EgressRouters drops a router whose worker died', async t => {
  const { routers, opened } = await start(t, worker)
  const { egress } = await routers.acquire(other, audioMap(96))
  process.kill(other.pid, 'SIGKILL')
  await waitFor(() => egress.router.closed)
  t.equal(opened.length, 1)
  await t.rejects(routers.acquire(other, audioMap(96)), { code: 'worker' })
})
