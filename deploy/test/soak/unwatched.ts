/**
 * Without any viewer, and with the bundle's own times, each fault that stops
 * pictures raises an alert within three minutes, and only expected alerts fire.
 */
import t, { type Test } from 'tap'
import { request } from 'undici'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { DEGRADED_CASES } from '../sources/fixtures/degraded-cases.ts'
import {
  startBundleStack,
  type BundleStack,
} from '../truenas/fixtures/bundle-stack.ts'

/** A fault while no viewer is connected. */
interface Fault {
  readonly media?: Readonly<Record<string, string>>
  /** Makes the fault. Absent: the box has it from its start. */
  readonly make?: (bundle: BundleStack, t: Test) => unknown
  /** The alerts that fire, each as `name`, or as `name stream reason`. */
  readonly alerts: readonly string[]
  /** Alerts that may fire too. */
  readonly alsoAllowed?: readonly string[]
}

const WITHIN_MS = 180_000
/** A probe of each stream is made every minute. */
const PROVED_TIMEOUT_MS = 150_000
const CONCURRENCY = 6

/** Adds a stream `cam` with one of the sources that are degraded. */
async function addDegraded(bundle: BundleStack, t: Test, name: string) {
  const one = DEGRADED_CASES[name]
  if (one === undefined) throw new Error(`There is no case ${name}`)
  const { inputs, webrtc } = await one.open(t)
  const { statusCode, body } = await request(
    `${bundle.stack.url}/api/v3/process`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        id: 'cam',
        input: inputs.map((input, index) => ({ id: `in${index}`, ...input })),
        output: [],
        reconnect: true,
        webrtc: { enabled: true, ...webrtc },
      }),
    },
  )
  await body.dump()
  if (statusCode !== 200) throw new Error(`POST got ${statusCode}`)
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'no viewer can reach the announced address': {
    media: { CORE_WEBRTC_ANNOUNCED_ADDRESSES: '192.0.2.1' },
    alerts: ['WebRTCProbeFailing demo no_ice'],
  },
  'FFmpeg is stopped by SIGSTOP': {
    make: bundle => bundle.signalFfmpeg('SIGSTOP'),
    alerts: ['WebRTCFFmpegLegFailure'],
    // It is restarted after a minute without progress.
    alsoAllowed: ['WebRTCProbeFailing demo refused'],
  },
  'a sender sends no key frames': {
    make: (bundle, t) => addDegraded(bundle, t, 'no key frame after the first'),
    alerts: ['WebRTCProbeFailing cam no_key_frame'],
  },
  'the audio of a stream ends': {
    make: (bundle, t) => addDegraded(bundle, t, 'audio that ends'),
    alerts: ['WebRTCFFmpegLegFailure', 'WebRTCProbeFailing cam no_rtp'],
  },
  'the media process is killed': {
    make: ({ stack }) => {
      stack.media.kill('SIGKILL')
    },
    alerts: ['WebRTCMediaNotConnected'],
  },
  'the media process is stopped by SIGSTOP': {
    make: ({ stack }) => {
      stack.media.kill('SIGSTOP')
    },
    alerts: ['WebRTCMediaNotConnected'],
    alsoAllowed: ['WebRTCSnapshotStale'],
  },
}

/** Returns the alerts that have fired, in the notation of `Fault`. */
async function fired({ prometheus }: BundleStack): Promise<readonly string[]> {
  const alerts = await prometheus.query(
    'max_over_time(ALERTS{alertstate="firing"}[10m])',
  )
  return alerts.map(({ labels }) => {
    const { alertname = '', stream_id = '', reason } = labels
    return reason === undefined
      ? alertname
      : `${alertname} ${stream_id} ${reason}`
  })
}

async function check(t: Test, fault: Fault): Promise<void> {
  const { media, make, alerts, alsoAllowed = [] } = fault
  const bundle = await startBundleStack(t, await takePorts(50), media, {
    probes: true,
    realTimes: true,
  })
  // So that it can end by itself: killed, it would leave its worker.
  t.teardown(() => {
    bundle.stack.media.kill('SIGCONT')
  })
  if (make !== undefined) {
    await waitFor(
      async () => {
        const played = await bundle.query('dragonfork_probe_success == 1')
        return played.length > 0
      },
      'a probe that plays',
      PROVED_TIMEOUT_MS,
    )
    await bundle.firstLineIs('OK')
    t.strictSame(await fired(bundle), [], 'nothing has fired')
  }
  const madeMs = performance.now()
  await make?.(bundle, t)
  for (const alert of alerts) {
    await waitFor(
      async () => (await fired(bundle)).includes(alert),
      alert,
      madeMs + WITHIN_MS - performance.now(),
    ).catch(async (cause: unknown) => {
      const seen = (await fired(bundle)).join(', ') || 'no alert'
      throw new Error(`Expected ${alert}, got ${seen}`, { cause })
    })
    const tookS = Math.round((performance.now() - madeMs) / 1_000)
    t.pass(`${alert} after ${tookS} s`)
  }
  t.not(await bundle.verdict(), 'OK')
  const expected = [...alerts, ...alsoAllowed]
  const others = (await fired(bundle)).filter(one => !expected.includes(one))
  t.strictSame(others, [], 'no other alert has fired')
}

t.setTimeout(0)

t.test('faults without any viewer raise alerts', { jobs: CONCURRENCY }, t => {
  if (requireProgram(t, 'prometheus') === undefined) {
    t.end()
    return
  }
  for (const [what, fault] of Object.entries(FAULTS)) {
    t.test(`an alert fires when ${what}`, t => check(t, fault))
  }
  t.end()
})
