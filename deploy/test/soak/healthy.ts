/**
 * A healthy system for a quarter of an hour, or an hour with `--long`. Viewers
 * join and leave, slow sources play, probes succeed; no alert fires, and the
 * first line of the dashboard always reads OK.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { fetchStreams } from '../../verify/whep.ts'
import { createRandom } from '../fixtures/chaos/random.ts'
import { testStream } from '../fixtures/stack.ts'
import { WhepViewer } from '../fixtures/whep-viewer.ts'
import { makeFile } from '../sources/fixtures/media-file.ts'
import { startBundleStack } from '../truenas/fixtures/bundle-stack.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)
const MINUTES = Number(
  process.env['HEALTHY_MINUTES'] ??
    (process.env['SOAK_LONG'] === '1' ? 60 : 15),
)
/** The scrape interval, which is short in this test. */
const CHECK_INTERVAL_MS = 1_000
/** `demo` and four others. */
const STREAMS = 5

const seed = Number(process.env['HEALTHY_SEED'] ?? Date.now() % 100_000)

t.setTimeout(0)

/** A process with these inputs, each an address and its options. */
function stream(
  id: string,
  inputs: readonly (readonly [string, ...string[]])[],
  webrtc: object = {},
): object {
  return {
    ...testStream(id, webrtc),
    input: inputs.map(([address, ...options], index) => ({
      id: `in${index}`,
      address,
      options,
    })),
  }
}

const LAVFI = ['-re', '-f', 'lavfi'] as const
const picture = (rate: string) =>
  [`testsrc2=size=320x180:rate=${rate}`, ...LAVFI] as const
const SOUND = ['sine=frequency=440', ...LAVFI] as const

t.test(`${MINUTES} healthy minutes raise no alert, seed ${seed}`, async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const film = await makeFile(t, { name: 'film.mp4', seconds: 40 })
  const bundle = await startBundleStack(
    t,
    UDP_PORTS,
    {},
    {
      // Rules as shipped: a single slow scrape on a busy machine is no fault.
      realTimes: true,
      probes: true,
      streams: [
        stream('a-picture-every-8-s', [picture('1/8'), SOUND]),
        stream('one-picture-a-second', [picture('1'), SOUND]),
        stream('late-sound', [
          picture('15'),
          ['sine=frequency=440', '-itsoffset', '12', ...LAVFI],
        ]),
        stream('film', [[film, '-stream_loop', '-1']]),
      ],
    },
  )
  const { prometheus, stack } = bundle
  const random = createRandom(seed)
  const watched = ['demo', 'one-picture-a-second', 'film'] as const
  const endMs = performance.now() + MINUTES * 60_000

  let views = 0
  /** Opens viewers one after the other, each for some seconds. */
  const joinAndLeave = async () => {
    while (performance.now() < endMs) {
      const id = random.pick(watched)
      const viewer = await WhepViewer.open(t, `${stack.url}/api/v3/whep/${id}`)
      await viewer.plays(id === 'one-picture-a-second' ? 1 : 20)
      await delay(random.whole(0, 5_000))
      t.equal(await viewer.end(), 204)
      views++
      await delay(random.whole(0, 2_000))
    }
  }

  let checks = 0
  const bad = new Map<string, number>()
  const checkHealth = async () => {
    while (performance.now() < endMs) {
      const verdict = await bundle.verdict()
      const firing = await prometheus.firing()
      for (const one of [...firing, ...(verdict === 'OK' ? [] : [verdict])]) {
        if (!bad.has(one)) t.comment(`${one} at check ${checks}`)
        bad.set(one, (bad.get(one) ?? 0) + 1)
      }
      checks++
      await delay(CHECK_INTERVAL_MS)
    }
  }

  await waitFor(
    async () => {
      const idle = await prometheus.query(
        'dragonfork_exporter_degraded_streams > 0',
      )
      const streams = await prometheus.query('dragonfork_webrtc_active_streams')
      return idle.length === 0 && streams[0]?.value === STREAMS
    },
    'all streams to be healthy',
    90_000,
  )
  // A stream counts as active before its first RTP.
  await waitFor(async () => {
    const streams = await fetchStreams(stack.url, undefined)
    const live = streams.filter(({ state }) => state === 'live')
    return watched.every(id => live.some(one => one.id === id))
  }, 'the watched streams to be live')
  await Promise.all([joinAndLeave(), joinAndLeave(), checkHealth()])
  t.strictSame([...bad], [], `no alert fired in ${checks} checks`)
  const failed = await prometheus.query(
    'sum by (stream_id, leg) (dragonfork_webrtc_ffmpeg_leg_failures_total) > 0',
  )
  t.strictSame(failed, [], 'no leg failed')
  const probed = await prometheus.query(
    `sum_over_time(dragonfork_probe_success[${MINUTES}m])`,
  )
  t.equal(probed.length, STREAMS, 'every stream was probed')
  for (const { labels, value } of probed) {
    t.ok(
      value > MINUTES / 2,
      `${labels['stream_id']} was played ${value} times`,
    )
  }
  const unplayed = await prometheus.query(
    'sum by (stream_id, reason) (sum_over_time(' +
      `dragonfork_probe_failure{reason!="busy"}[${MINUTES}m])) > 0`,
  )
  t.strictSame(unplayed, [], 'no probe failed')
  t.ok(checks > MINUTES * 10, `${checks} checks were made`)
  t.ok(views > MINUTES, `${views} viewers joined`)
})
