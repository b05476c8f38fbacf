import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { startChild, type Child } from '../../shared/test/fixtures/child.ts'
import { takePorts } from '../../shared/test/fixtures/ports.ts'
import { lives, requireProgram } from '../../shared/test/fixtures/program.ts'
import { temporaryFolder } from '../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { WHEP_ROUTES } from '../../shared/protocol/catalogue.ts'
import { childrenOf } from '../bench/rig/process-cpu.ts'
import { webrtcValue } from './fixtures/scrape.ts'
import {
  startBundleStack,
  type BundleStack,
} from './truenas/fixtures/bundle-stack.ts'

function startLoad(
  t: Test,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Child {
  const load = startChild('deploy/load/main.ts', env, args)
  t.teardown(() => load.end())
  return load
}

function loadOn({ stack, prometheus }: BundleStack): readonly string[] {
  const base = `http://${prometheus.address}`
  return ['--url', stack.url, '--prometheus', base, '--viewers', '2']
}

/** The exporter's own counters of `demo`. */
async function countersOf({ stack }: BundleStack) {
  const samples = await stack.scrape()
  const value = (name: string, labels: Readonly<Record<string, string>>) =>
    webrtcValue(samples, name, { stream_id: 'demo', ...labels }) ?? 0
  const requests = (route: string, code: string) =>
    value('whep_requests_total', { route, code })
  return {
    joined: requests(WHEP_ROUTES.POST, '201'),
    connected: value('ice_establishment_duration_seconds_count', {
      result: 'connected',
    }),
    left: requests(WHEP_ROUTES.DELETE, '204'),
    videoFailures: value('ffmpeg_leg_failures_total', { leg: 'video' }),
  }
}

/** All processes that `pid` has started, and theirs. */
function descendantsOf(pid: number): readonly number[] {
  return childrenOf(pid).flatMap(child => [child, ...descendantsOf(child)])
}

t.jobs = 2

t.test('load on a running installation', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const bundle = await startBundleStack(t, await takePorts(50))
  await bundle.firstLineIs('OK')

  await t.test('two viewers play, and the exporter counts them', async t => {
    const before = await waitFor(async () => {
      const counters = await countersOf(bundle)
      return counters.left > 0 && counters
    }, 'the viewer before the test to be counted')
    // Viewers have 10 s for their first picture.
    const load = startLoad(t, [...loadOn(bundle), '--minutes', '0.2'])
    t.equal(await load.exited, 0, load.output)
    const after = await countersOf(bundle)
    t.strictSame(after, {
      joined: before.joined + 2,
      connected: before.connected + 2,
      left: before.left + 2,
      videoFailures: 0,
    })
    const totals = load.output.match(/2 joined, 2 connected, 2 left/g)
    t.equal(totals?.length, 2, 'both columns of the report agree with it')
    t.match(load.output, /played all the time {2}2 of 2/)
    t.match(load.output, /viewers at the end {3}demo 2/)
    t.match(load.output, /first line {11}OK/)
    t.match(load.output, /media workers {8}\d+\.\d %, \d+ MB/)
    t.match(load.output, /these viewers {8}\d+\.\d %, \d+ MB/)
  })

  await t.test('a frozen FFmpeg fails the run and is named', async t => {
    const load = startLoad(t, [...loadOn(bundle), '--minutes', '60'])
    await load.printed('2 of 2 viewers play')
    await bundle.signalFfmpeg('SIGSTOP')
    t.teardown(() => bundle.signalFfmpeg('SIGCONT').catch(() => undefined))
    await waitFor(
      async () => (await countersOf(bundle)).videoFailures > 0,
      'the failure of the video leg to be counted',
    )
    load.kill('SIGINT')
    t.equal(await load.exited, 1, load.output)
    t.match(load.output, /viewer 1 \(demo\): no video for \d+\.\d s/)
    t.match(load.output, /viewer 2 \(demo\): no video for \d+\.\d s/)
    t.match(load.output, /leg failures .*demo video: 1/)
  })
})

t.test('Ctrl-C ends the run with a report and leaves nothing', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const { min, max } = await takePorts(20)
  const dir = await temporaryFolder(t)
  const load = startLoad(t, ['--viewers', '1', '--minutes', '60'], {
    TMPDIR: dir,
    CORE_WEBRTC_UDP_MIN_PORT: String(min),
    CORE_WEBRTC_UDP_MAX_PORT: String(max),
  })
  await load.printed('1 of 1 viewers play')
  const started = descendantsOf(load.pid)
  // Viewers, exporter, media process, its worker, FFmpeg and Prometheus.
  t.ok(started.length >= 6, `${started.length} processes`)
  load.kill('SIGINT')
  t.equal(await load.exited, 0, load.output)
  t.match(load.output, /played all the time {2}1 of 1/)
  t.equal(load.output.match(/1 joined, 1 connected, 1 left/g)?.length, 2)
  t.strictSame(started.filter(lives), [])
  t.strictSame(readdirSync(dir), [])
})
