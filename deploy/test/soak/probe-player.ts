/** The process that plays streams for the exporter: its end in every way. */
import t from 'tap'
import { request } from 'undici'
import { lives } from '../../../shared/test/fixtures/program.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { playerOf, resourcesOf } from '../fixtures/player.ts'
import { startProbedStack } from '../fixtures/probed-stack.ts'
import { testStream } from '../fixtures/stack.ts'

t.setTimeout(280_000)

const stack = await startProbedStack(t, {
  processes: [
    testStream('demo', { video: { key_frame_seconds: 0.25 } }),
    // FFmpeg is frozen for longer than the minute after which it is restarted.
    { ...testStream('stuck'), stale_timeout_seconds: 3_600 },
  ],
  // A leg that stands still is live throughout, so that probes of it last.
  media: { CORE_WEBRTC_LEG_TIMEOUT_MS: '600000' },
})
await stack.plays('demo')
await stack.plays('stuck')
const { pid: ffmpegPid } = await stack.media.logged(
  record =>
    record['message'] === 'FFmpeg started' && record['process'] === 'stuck',
)
process.kill(Number(ffmpegPid), 'SIGSTOP')

const player = () => playerOf(stack.exporter.pid)

/** Waits until `count` probes of the stream have a session. */
function sessions(id: string, count: number): Promise<unknown> {
  return waitFor(async () => {
    const { body } = await request(
      `${stack.url}/api/v3/webrtc/streams/${id}/peers`,
    )
    const peers = (await body.json()) as readonly unknown[]
    return peers.length === count
  }, `${count} sessions of ${id}`)
}

t.test(
  'a player that is killed answers nothing, the next one plays',
  async t => {
    const before = player()
    const probe = stack.probe('stuck')
    await sessions('stuck', 1)
    process.kill(before, 'SIGKILL')
    const { status, text, success } = await probe
    t.equal(status, 503)
    t.match(text, 'The player process ended with SIGKILL')
    t.equal(success, undefined, 'nothing is known of the stream')
    t.equal((await stack.probe('demo')).success, 1)
    t.not(player(), before)
    await sessions('stuck', 0)
  },
)

t.test('a player that is stopped is killed, the next one plays', async t => {
  const before = player()
  const probe = stack.probe('stuck', { scrapeTimeout: 8 })
  await sessions('stuck', 1)
  process.kill(before, 'SIGSTOP')
  const page = await request(stack.metricsUrl)
  await page.body.dump()
  t.equal(page.statusCode, 200, 'a scrape meanwhile')
  const { status, text } = await probe
  t.equal(status, 503)
  t.match(text, 'The player process does not respond')
  t.equal((await stack.probe('demo')).success, 1)
  await waitFor(() => !lives(before), 'its end')
  await sessions('stuck', 0)
})

t.test('a client that disconnects ends its probe', async t => {
  const aborting = new AbortController()
  const probe = stack.probe('stuck', {
    scrapeTimeout: 15,
    signal: aborting.signal,
  })
  await sessions('stuck', 1)
  aborting.abort()
  await t.rejects(probe)
  await sessions('stuck', 0)
  await waitFor(async () => {
    const { failures } = await stack.probe('stuck', { scrapeTimeout: 1 })
    return failures[0] !== 'busy'
  }, 'the stream to be free')
})

t.test('50 probes leave no session, descriptor or thread', async t => {
  await stack.probe('demo')
  const pid = player()
  const before = resourcesOf(pid)
  for (let probes = 0; probes < 50; probes++) {
    t.same((await stack.probe('demo')).failures, [])
  }
  await waitFor(() => {
    const { descriptors, threads } = resourcesOf(pid)
    return descriptors <= before.descriptors && threads <= before.threads
  }, 'the descriptors and threads of one probe')
  t.equal(player(), pid)
  await sessions('demo', 0)
})

t.test('an exporter that is shut down leaves its probe', async t => {
  const pid = player()
  const probe = stack.probe('stuck', { scrapeTimeout: 15 }).catch(() => 'cut')
  await sessions('stuck', 1)
  t.equal(await stack.exporter.end(), 0)
  await probe
  t.notOk(lives(pid))
  await sessions('stuck', 0)
  t.same(
    stack.exporter.records
      .filter(({ level }) => level === 'error')
      .map(({ reason }) => reason),
    [
      'The player process ended with SIGKILL',
      'The player process does not respond',
    ],
  )
})
