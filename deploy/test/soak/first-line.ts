/**
 * The dashboard's first line on real faults of a whole box. Faults of FFmpeg
 * and of viewers are in truenas-faults.ts, degraded streams in degraded.ts, and
 * lost observations in ../truenas/exporter-alerts.ts; a full disk has promtool
 * tests only.
 */
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { WebSocket } from 'ws'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { testStream } from '../fixtures/stack.ts'
import { WhepViewer } from '../fixtures/whep-viewer.ts'
import {
  CORE,
  startBundleStack,
  type BundleStack,
} from '../truenas/fixtures/bundle-stack.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

type Options = Parameters<typeof startBundleStack>

/** A fault of a box that was healthy. */
interface Fault {
  /** The box has the fault from its start. */
  readonly fromStart?: boolean
  readonly media?: Options[2]
  /** Number of UDP ports; default 50. */
  readonly ports?: number
  readonly more?: Options[3]
  readonly make: (bundle: BundleStack, t: Test) => unknown
  /** The first line during the fault. */
  readonly text: string | RegExp
  /** Ends the fault; then the first line is OK again. */
  readonly end?: (bundle: BundleStack) => unknown
}

function workerPid({ stack }: BundleStack): number {
  const started = stack.media.records.findLast(
    ({ message }) => message === 'worker started',
  )
  return Number(started?.['pid'])
}

async function command(
  { stack }: BundleStack,
  name: 'start' | 'stop',
): Promise<void> {
  const { statusCode, body } = await request(
    `${stack.url}/api/v3/process/demo/command`,
    {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ command: name }),
    },
  )
  await body.dump()
  if (statusCode !== 200) throw new Error(`Command got ${statusCode}`)
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'the exporter is killed': {
    make: ({ stack }) => {
      stack.exporter.kill('SIGKILL')
    },
    text: 'No metrics: exporter down',
  },
  'the media process is killed': {
    make: ({ stack }) => {
      stack.media.kill('SIGKILL')
    },
    text: 'Media process not connected',
    end: bundle => bundle.restartMedia(),
  },
  'the media process is stopped by SIGSTOP': {
    make: ({ stack }) => {
      stack.media.kill('SIGSTOP')
    },
    text: /Media process (silent|not connected)/,
    end: ({ stack }) => {
      stack.media.kill('SIGCONT')
    },
  },
  'the media worker is stopped by SIGSTOP': {
    make: bundle => {
      process.kill(workerPid(bundle), 'SIGSTOP')
    },
    text: 'A media worker is frozen',
    end: bundle => {
      process.kill(workerPid(bundle), 'SIGCONT')
    },
  },
  'no viewer can reach the announced address': {
    fromStart: true,
    media: { CORE_WEBRTC_ANNOUNCED_ADDRESSES: '192.0.2.1' },
    more: { probes: true },
    make: () => undefined,
    text: 'A stream cannot be played',
  },
  'fewer than ten ports are left': {
    // `demo` takes 8 of 20, each viewer one.
    ports: 20,
    make: async ({ endpoint }, t) => {
      await WhepViewer.open(t, endpoint)
      await WhepViewer.open(t, endpoint)
      await WhepViewer.open(t, endpoint)
    },
    text: 'UDP ports are running out',
  },
  'the last stream is stopped': {
    make: bundle => command(bundle, 'stop'),
    text: 'No stream is running',
    end: bundle => command(bundle, 'start'),
  },
  'the exporter receives a malformed frame': {
    make: async ({ stack }) => {
      const stranger = new WebSocket(stack.ingestUrl)
      await once(stranger, 'open')
      stranger.send('{"kind":"nonsense"}')
      await once(stranger, 'close')
    },
    text: 'Counters too low: observations rejected',
  },
  'there are more streams than EXPORTER_MAX_STREAMS': {
    fromStart: true,
    more: {
      exporter: { EXPORTER_MAX_STREAMS: '1' },
      streams: [{ ...testStream('second'), autostart: false }],
    },
    make: ({ stack }) =>
      request(`${stack.url}/api/v3/process`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(testStream('third')),
      }).then(({ body }) => body.dump()),
    text: 'More streams than EXPORTER_MAX_STREAMS',
  },
}

t.test('the first line on real faults', { jobs: 3 }, t => {
  if (requireProgram(t, 'prometheus') === undefined) {
    t.end()
    return
  }
  for (const [what, fault] of Object.entries(FAULTS)) {
    t.test(`is "${fault.text}" when ${what}`, async t => {
      const { fromStart = false, ports = 50, make, text, end } = fault
      const bundle = await startBundleStack(
        t,
        await takePorts(ports),
        fault.media,
        fault.more,
      )
      // So that it can end by itself: killed, it would leave its worker.
      t.teardown(() => {
        bundle.stack.media.kill('SIGCONT')
      })
      if (!fromStart) await bundle.firstLineIs('OK')
      const madeMs = performance.now()
      await make(bundle, t)
      await bundle.firstLineIs(text)
      const tookS = ((performance.now() - madeMs) / 1_000).toFixed(1)
      t.pass(`${String(text)} after ${tookS} s, on ${CORE}`)
      if (end === undefined) return
      await end(bundle)
      await bundle.firstLineIs('OK')
    })
  }
  t.end()
})
