/** The process that plays streams for the exporter: its end in every way. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { request } from 'undici'
import { lives } from '../../shared/test/fixtures/program.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { startProbedStack } from './fixtures/probed-stack.ts'
import { testStream } from './fixtures/stack.ts'

t.setTimeout(280_000)

const stack = await startProbedStack(t, {
  processes: [
    testStream('demo', { video: { key_frame_seconds: 0.25 } }),
    testStream('stuck'),
  ],
  // A leg that stands still is live, so that probes of it last.
  media: { CORE_WEBRTC_LEG_TIMEOUT_MS: '60000' },
})
await stack.plays('demo')
await stack.plays('stuck')
const { pid: ffmpegPid } = await stack.media.logged(
  record =>
    record['message'] === 'FFmpeg started' && record['process'] === 'stuck',
)
process.kill(Number(ffmpegPid), 'SIGSTOP')

/** Process ids of the players. */
function players(): readonly number[] {
  const parent = String(stack.exporter.pid)
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => parentOf(pid) === parent && lives(pid))
}

function parentOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name, which may contain anything: state, ppid.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
  } catch {
    // It has ended.
    return undefined
  }
}

/** The id of the one player. */
function player(): number {
  const [pid, ...others] = players()
  if (pid === undefined || others.length > 0) {
    throw new Error(`Expected one player, got ${players().length}`)
  }
  return pid
}

/** Waits until `count` probes have a session. */
function sessions(count: number): Promise<unknown> {
  return waitFor(async () => {
    const { body } = await request(
      `${stack.url}/api/v3/webrtc/streams/stuck/peers`,
    )
    const peers = (await body.json()) as readonly unknown[]
    return peers.length === count
  }, `${count} sessions`)
}

t.test(
  'a player that is killed answers nothing, the next one plays',
  async t => {
    const before = player()
    const probe = stack.probe('stuck')
    await sessions(1)
    process.kill(before, 'SIGKILL')
    const { status, text, success } = await probe
    t.equal(status, 503)
    t.match(text, 'The player process ended with SIGKILL')
    t.equal(success, undefined, 'nothing is known of the stream')
    t.equal((await stack.probe('demo')).success, 1)
    t.not(player(), before)
    await sessions(0)
  },
)

t.test('a player that is stopped is killed, the next one plays', async t => {
  const before = player()
  const probe = stack.probe('stuck', { scrapeTimeout: 2 })
  await sessions(1)
  process.kill(before, 'SIGSTOP')
  const page = await request(stack.metricsUrl)
  await page.body.dump()
  t.equal(page.statusCode, 200, 'a scrape meanwhile')
  const { status, text } = await probe
  t.equal(status, 503)
  t.match(text, 'The player process does not respond')
  t.equal((await stack.probe('demo')).success, 1)
  await waitFor(() => !lives(before), 'its end')
  await sessions(0)
})

t.test('a client that disconnects ends its probe', async t => {
  const aborting = new AbortController()
  const probe = stack.probe('stuck', {
    scrapeTimeout: 15,
    signal: aborting.signal,
  })
  await sessions(1)
  aborting.abort()
  await t.rejects(probe)
  await sessions(0)
  await waitFor(async () => {
    const { failures } = await stack.probe('stuck', { scrapeTimeout: 1 })
    return failures[0] !== 'busy'
  }, 'the stream to be free')
})

t.test('50 probes leave no session, port, descriptor or thread', async t => {
  const pid = player()
  const measure = async () => ({
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    peers: await peersOf('demo'),
  })
  await stack.probe('demo')
  const before = await measure()
  for (let probes = 0; probes < 50; probes++) {
    t.same((await stack.probe('demo')).failures, [])
  }
  await waitFor(async () => {
    const now = await measure()
    return Object.entries(before).every(
      ([key, value]) => now[key as keyof typeof now] <= value,
    )
  }, 'the resources of one probe')
  t.equal(player(), pid)
})

async function peersOf(id: string): Promise<number> {
  const { body } = await request(
    `${stack.url}/api/v3/webrtc/streams/${id}/peers`,
  )
  return ((await body.json()) as readonly unknown[]).length
}

t.test('an exporter that is shut down leaves its probe', async t => {
  const pid = player()
  const probe = stack.probe('stuck', { scrapeTimeout: 15 }).catch(() => 'cut')
  await sessions(1)
  t.equal(await stack.exporter.end(), 0)
  await probe
  t.notOk(lives(pid))
  await sessions(0)
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
