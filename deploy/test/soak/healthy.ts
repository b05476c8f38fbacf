/**
 * A quarter of an hour in which all is well, an hour with `--long`: viewers
 * come and go, slow sources play, and at no scrape of Prometheus does an
 * alert fire or the first line say anything but OK.
 */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
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
/** As often as Prometheus scrapes, whose times are short here. */
const LOOK_MS = 1_000
/** `demo` and four more. */
const STREAMS = 5

const seed = Number(process.env['HEALTHY_SEED'] ?? Date.now() % 100_000)

t.setTimeout(0)

/** A stream of lavfi sources, or of one file. */
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

t.test(`${MINUTES} minutes of health, seed ${seed}`, async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const film = await makeFile(t, { name: 'film.mp4', seconds: 40 })
  const bundle = await startBundleStack(
    t,
    UDP_PORTS,
    {},
    {
      // As the operator's: a single slow scrape of a busy machine is no fault.
      unhurried: true,
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
  /** One after the other, for some seconds each. */
  const comeAndGo = async () => {
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

  let looks = 0
  const bad = new Map<string, number>()
  const look = async () => {
    while (performance.now() < endMs) {
      const said = await bundle.verdict()
      const firing = await prometheus.firing()
      for (const one of [...firing, ...(said === 'OK' ? [] : [said])]) {
        if (!bad.has(one)) t.comment(`${one} at look ${looks}`)
        bad.set(one, (bad.get(one) ?? 0) + 1)
      }
      looks++
      await delay(LOOK_MS)
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
    'all streams',
    90_000,
  )
  await Promise.all([comeAndGo(), comeAndGo(), look()])
  t.strictSame([...bad], [], `no alert, and OK, in ${looks} looks`)
  const failed = await prometheus.query(
    'sum by (stream_id, leg) (dragonfork_webrtc_ffmpeg_leg_failures_total) > 0',
  )
  t.strictSame(failed, [], 'no leg failed')
  t.ok(looks > MINUTES * 10, `${looks} looks`)
  t.ok(views > MINUTES, `${views} views`)
})
