/**
 * Faults of a whole box, made for real, and what the dashboard's first line
 * says of each. Those of FFmpeg and of viewers are made in faults.ts, those
 * of streams that play badly in degraded.ts, lost observations in
 * exporter-alerts.ts; a disk that is full has promtool's tests only.
 */
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { WebSocket } from 'ws'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { testStream } from '../fixtures/stack.ts'
import { WhepViewer } from '../fixtures/whep-viewer.ts'
import {
  CORE,
  startBundleStack,
  type BundleStack,
} from './fixtures/bundle-stack.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

type Options = Parameters<typeof startBundleStack>

/** Something that goes wrong with a box that was well. */
interface Fault {
  /** Number of UDP ports; default 50. */
  readonly ports?: number
  readonly more?: Options[3]
  readonly make: (bundle: BundleStack, t: Test) => unknown
  readonly says: string | RegExp
  /** Ends the fault; then the line says OK again. */
  readonly end?: (bundle: BundleStack) => unknown
}

/** A verdict has its own time, a snapshot's, a scrape's and an alert's. */
const SAYS_WITHIN_MS = 90_000

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
    says: 'No metrics: exporter down',
  },
  'the media process is killed': {
    make: ({ stack }) => {
      stack.media.kill('SIGKILL')
    },
    says: 'Media process not connected',
    end: bundle => bundle.restartMedia(),
  },
  'the media process stands still': {
    make: ({ stack }) => {
      stack.media.kill('SIGSTOP')
    },
    says: /Media process (silent|not connected)/,
    end: ({ stack }) => {
      stack.media.kill('SIGCONT')
    },
  },
  'the media worker stands still': {
    make: bundle => {
      process.kill(workerPid(bundle), 'SIGSTOP')
    },
    says: 'A media worker hangs',
    end: bundle => {
      process.kill(workerPid(bundle), 'SIGCONT')
    },
  },
  'ten ports are not left': {
    // `demo` takes 8 of 20, each viewer one.
    ports: 20,
    make: async ({ endpoint }, t) => {
      await WhepViewer.open(t, endpoint)
      await WhepViewer.open(t, endpoint)
      await WhepViewer.open(t, endpoint)
    },
    says: 'UDP ports run out',
  },
  'the last stream is stopped': {
    make: bundle => command(bundle, 'stop'),
    says: 'No stream is running',
    end: bundle => command(bundle, 'start'),
  },
  'a stranger talks to the exporter': {
    make: async ({ stack }) => {
      const stranger = new WebSocket(stack.ingestUrl)
      await once(stranger, 'open')
      stranger.send('{"kind":"nonsense"}')
      await once(stranger, 'close')
    },
    says: 'Numbers too small: observations rejected',
  },
  'one stream more than EXPORTER_MAX_STREAMS': {
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
    says: 'More streams than EXPORTER_MAX_STREAMS',
  },
}

t.test('the first line says it', { jobs: 3 }, t => {
  if (requireProgram(t, 'prometheus') === undefined) {
    t.end()
    return
  }
  for (const [what, fault] of Object.entries(FAULTS)) {
    t.test(what, async t => {
      const { ports = 50, more, make, says, end } = fault
      const bundle = await startBundleStack(t, await takePorts(ports), {}, more)
      // As viewers and their tests end: killed, it leaves its worker.
      t.teardown(() => {
        bundle.stack.media.kill('SIGCONT')
      })
      const line = async (wanted: string | RegExp) => {
        let last = ''
        const found = waitFor(
          async () => {
            last = await bundle.verdict()
            return typeof wanted === 'string'
              ? last === wanted
              : wanted.test(last)
          },
          String(wanted),
          SAYS_WITHIN_MS,
        )
        await found.catch((cause: unknown) => {
          throw new Error(`The line says ${last}, not ${wanted}`, { cause })
        })
      }
      if (more?.exporter?.['EXPORTER_MAX_STREAMS'] === undefined) {
        await line('OK')
      }
      const madeMs = performance.now()
      await make(bundle, t)
      await line(says)
      const tookS = ((performance.now() - madeMs) / 1_000).toFixed(1)
      t.pass(`${String(says)} after ${tookS} s, on ${CORE}`)
      if (end === undefined) return
      await end(bundle)
      await line('OK')
    })
  }
  t.end()
})
