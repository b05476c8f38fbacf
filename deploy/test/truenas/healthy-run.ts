import t from 'tap'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { WhepViewer } from '../fixtures/whep-viewer.ts'
import { keepDoing, startBundleStack } from './fixtures/bundle-stack.ts'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

t.test('viewers that join and leave fire no alert', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const bundle = await startBundleStack(
    t,
    await takePorts(50),
    {},
    { probes: true },
  )
  const { prometheus, endpoint } = bundle
  const joinAndLeave = async () => {
    const viewer = await WhepViewer.open(t, endpoint)
    await waitFor(
      () =>
        Promise.resolve(
          viewer.packets('video') > 0 && viewer.packets('audio') > 0,
        ),
      'video and audio',
    )
    t.equal(await viewer.end(), 204)
  }
  // Longer than the window and `for` of any alert, with shortened times.
  await keepDoing(2_000, joinAndLeave, () =>
    waitFor(
      async () => {
        const [up] = await prometheus.query(
          'count_over_time(up{job="dragonfork-exporter"}[5m])',
        )
        return (up?.value ?? 0) > 30
      },
      'scrapes for 30 seconds',
      120_000,
    ),
  )
  // The window leaves out alerts from before the first scrape.
  const fired = 'max_over_time(ALERTS{alertstate="firing"}[25s])'
  t.strictSame(await prometheus.query(fired), [])
  t.equal(await bundle.verdict(), 'OK')
  const [succeeded] = await prometheus.query(
    'sum_over_time(dragonfork_probe_success[25s])',
  )
  const times = succeeded?.value ?? 0
  t.ok(times >= 2, `${times} probes succeeded`)
})
