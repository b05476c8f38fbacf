/** 1,000 probes leak no session, port, descriptor, thread or memory. */
import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { playerOf, resourcesOf } from '../fixtures/player.ts'
import { startProbedStack } from '../fixtures/probed-stack.ts'
import { webrtcValue } from '../fixtures/scrape.ts'
import { testStream } from '../fixtures/stack.ts'

const PROBES = 1_000
/** Less than a leak of 16 kB per probe. */
const MEMORY_SLACK_BYTES = 16e6

t.test('1,000 probes leak nothing', async t => {
  const often = { key_frame_seconds: 0.25 }
  const ids = ['h264', 'vp8']
  const stack = await startProbedStack(t, {
    processes: [
      testStream('h264', { video: often }),
      testStream('vp8', { video: { codec: 'vp8', ...often } }),
    ],
  })
  for (const id of ids) await stack.plays(id)
  const pid = playerOf(stack.exporter.pid)
  const portsInUse = async () =>
    webrtcValue(await stack.scrape(), 'udp_ports_in_use') ?? 0
  const run = async (probes: number) => {
    // Two at a time, one per stream.
    const failures = ids.map(async id => {
      let failed = 0
      for (let probe = 0; probe < probes / ids.length; probe++) {
        if ((await stack.probe(id)).success !== 1) failed++
      }
      return failed
    })
    t.same(await Promise.all(failures), [0, 0], `${probes} probes succeed`)
  }
  // Pools, caches and compiled code are created once.
  await run(PROBES / 2)
  const before = resourcesOf(pid)
  const portsBefore = await portsInUse()
  await run(PROBES)
  t.equal(playerOf(stack.exporter.pid), pid)
  await waitFor(() => {
    const { descriptors, threads } = resourcesOf(pid)
    return descriptors <= before.descriptors && threads <= before.threads
  }, 'descriptors and threads')
  await waitFor(async () => (await portsInUse()) <= portsBefore, 'UDP ports')
  const growth = resourcesOf(pid).rssBytes - before.rssBytes
  t.comment(`memory: ${before.rssBytes / 1e6} MB, then ${growth / 1e6} MB more`)
  t.ok(growth < MEMORY_SLACK_BYTES, `memory grew by ${growth} bytes`)
})
