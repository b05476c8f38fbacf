/**
 * 1,000 sessions that open and end in every possible way, and 1,000 probes, leak
 * no port, slot, transport, consumer, file descriptor or heap.
 */
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { cleanup } from 'node-datachannel'
import t, { type Test } from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { dumpWorker } from '../fixtures/worker-dump.ts'
import { locationOf } from '../whep/fixtures/assertions.ts'
import { H264, LiveServer, VP8 } from '../whep/fixtures/live-server.ts'
import {
  CHROMIUM,
  fragmentOf,
  GSTREAMER,
  OBS,
} from '../whep/fixtures/offers.ts'
import { Peer } from '../fixtures/peer.ts'

t.teardown(cleanup)

const SESSIONS = 1_000
const CONCURRENCY = 10
/** A busy machine must be able to connect before it. */
const ICE_TIMEOUT_MS = 10_000
/** Less than a leak of 2 kB per session. */
const HEAP_SLACK_BYTES = 2e6

/** The resources that could leak. */
async function measure(server: LiveServer) {
  const { workers } = server.stack.engine
  const handlers = await Promise.all(
    workers.map(async worker => {
      const { channelMessageHandlers } = await dumpWorker(worker)
      return channelMessageHandlers.channelRequestHandlers.length
    }),
  )
  const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length
  return {
    ports: server.portsInUse,
    slots: server.slotsTaken,
    probes: server.probes.of('h264').length,
    workerHandlers: handlers.reduce((sum, count) => sum + count, 0),
    workerDescriptors: workers.map(({ pid }) => descriptors(pid)),
    descriptors: descriptors(process.pid),
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

type Scenario = (server: LiveServer) => Promise<void>

const SCENARIOS = {
  deleted: async server => {
    await remove(server, locationOf(await server.post('h264', CHROMIUM)))
  },
  'deleted, with other payload types': async server => {
    await remove(server, locationOf(await server.post('h264', OBS)))
  },
  'played, then deleted': async server => {
    const peer = await playing(server)
    await peer.leave()
  },
  'played and restarted, then deleted': async server => {
    const peer = await playing(server)
    const credentials = { ufrag: 'newU', pwd: 'n'.repeat(22) }
    await fetch(peer.location, {
      method: 'PATCH',
      headers: {
        'Content-Type': 'application/trickle-ice-sdpfrag',
        'If-Match': peer.etag,
      },
      body: fragmentOf(peer.offer, credentials),
    })
    await peer.leave()
  },
  'played, then kicked': async server => {
    const peer = await playing(server)
    const { pathname } = new URL(peer.location)
    const [id = '', session = ''] = pathname.split('/').slice(-2)
    await fetch(
      new URL(`/api/v3/webrtc/streams/${id}/peers/${session}`, server.base),
      { method: 'DELETE' },
    )
    peer.close()
  },
  'never connected': async server => {
    await (await server.post('h264', GSTREAMER)).arrayBuffer()
  },
  malformed: async server => {
    await (await server.post('h264', CHROMIUM.slice(0, 400))).arrayBuffer()
  },
  mismatched: async server => {
    await (await server.post('vp8', OBS)).arrayBuffer()
  },
  'disconnected in the body': async server => {
    const socket = connect(Number(server.base.port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(
      'POST /api/v3/whep/h264 HTTP/1.1\r\nHost: x\r\n' +
        'Content-Type: application/sdp\r\nContent-Length: 999\r\n\r\nv=0',
    )
    await wait(5)
    socket.destroy()
  },
  'disconnected before the answer': async server => {
    const socket = connect(Number(server.base.port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(
      'POST /api/v3/whep/h264 HTTP/1.1\r\nHost: x\r\n' +
        'Content-Type: application/sdp\r\n' +
        `Content-Length: ${CHROMIUM.length}\r\n\r\n${CHROMIUM}`,
    )
    await wait(5)
    socket.resetAndDestroy()
  },
} as const satisfies Record<string, Scenario>

const CLAIM = { 'Dragonfork-Probe': '1' }
/** Two probes may be open at once. */
const PROBES_AT_ONCE = 2

const PROBES = {
  'played, then deleted': async server => {
    const peer = await playing(server, CLAIM)
    await peer.leave()
  },
  deleted: async server => {
    const response = await server.post('h264', CHROMIUM, CLAIM)
    await remove(server, locationOf(response), CLAIM)
  },
  malformed: async server => {
    const response = await server.post('h264', CHROMIUM.slice(0, 400), CLAIM)
    await response.arrayBuffer()
  },
} as const satisfies Record<string, Scenario>

async function remove(
  server: LiveServer,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  await fetch(new URL(path, server.base), { method: 'DELETE', headers })
}

async function playing(
  server: LiveServer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const peer = new Peer({ audio: { payloadType: 111 } }, undefined, headers)
  const status = await peer.view(server.endpoint('h264'))
  if (status !== 201) throw new Error(`POST got ${status}`)
  await peer.plays(5)
  return peer
}

await t.test('1,000 sessions leak nothing', async t => {
  await assertNoLeak(t, Object.values(SCENARIOS), CONCURRENCY)
})

await t.test('1,000 probes leak nothing', async t => {
  await assertNoLeak(t, Object.values(PROBES), PROBES_AT_ONCE)
})

async function assertNoLeak(
  t: Test,
  scenarios: readonly Scenario[],
  concurrency: number,
): Promise<void> {
  const server = await LiveServer.start(t, {
    ports: 200,
    streams: { h264: H264, vp8: VP8 },
    iceTimeoutMs: ICE_TIMEOUT_MS,
  })
  const idle = server.portsInUse
  const run = async (sessions: number) => {
    let next = 0
    const work = async () => {
      while (next < sessions)
        await scenarios[next++ % scenarios.length]?.(server)
    }
    await Promise.all(Array.from({ length: concurrency }, work))
    await server.settles(idle)
  }

  // Warm-up: pools, caches and compiled code are created once. The heap grows
  // by 6 MB in the first thousand sessions.
  await run(SESSIONS)
  const before = await measure(server)
  // The records of the test itself are not a leak.
  server.observations.all.length = 0
  const heapBefore = heapBytes()
  await run(SESSIONS)
  const after = await waitFor(async () => {
    const now = await measure(server)
    return now.descriptors <= before.descriptors && now
  }, 'file descriptors')
  t.same(after, { ...before, descriptors: after.descriptors })
  server.observations.all.length = 0
  const growthBytes = await waitFor(() => {
    // Finalizers run between collections.
    const bytes = heapBytes() - heapBefore
    return bytes < HEAP_SLACK_BYTES && bytes
  }, `a heap that grew by less than ${HEAP_SLACK_BYTES} bytes`)
  t.comment(`heap grew by ${Math.round(growthBytes / 1e3)} kB`)
}
