import { fileURLToPath } from 'node:url'
import t from 'tap'
import { request } from 'undici'
import { lives } from '../../../shared/test/fixtures/program.ts'
import { pidsOf, startRun } from './fixtures/run.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const RUN = fileURLToPath(new URL('../../local/run.ts', import.meta.url))
/** The time in which `npm start` must end. */
const END_WITHIN_MS = 5_000

async function get(url: string): Promise<{ status: number; text: string }> {
  const { statusCode, body } = await request(url)
  return { status: statusCode, text: await body.text() }
}

t.test(
  'npm start plays demo and leaves nothing behind when it ends',
  async t => {
    const udpPorts = await takePorts(200)
    const run = startRun(t, [process.execPath, RUN], {
      CORE_ADDRESS: `127.0.0.1:${(await takePorts(1)).min}`,
      CORE_DB_DIR: t.testdir({}),
      CORE_WEBRTC_LISTEN_ADDRESSES: '127.0.0.1',
      CORE_WEBRTC_UDP_MIN_PORT: `${udpPorts.min}`,
      CORE_WEBRTC_UDP_MAX_PORT: `${udpPorts.max}`,
      CORE_WEBRTC_WORKERS: '1',
    })
    await run.printed('Ctrl-C ends it')
    const urls = [...run.output.matchAll(/ (http:\S+)/g)].map(m => m[1] ?? '')
    t.equal(urls.length, 7)
    for (const url of urls) {
      t.equal((await get(url)).status, 200, url.replace(/:\d+/, ''))
    }
    await run.printed('"leg":"video"')
    await run.printed('"leg":"audio"')
    const metrics = urls.find(url => url.endsWith('/metrics')) ?? ''
    await waitFor(async () => {
      const running = /^dragonfork_webrtc_active_streams\{.*\} 1$/m
      return running.test((await get(metrics)).text)
    }, 'the stream to be counted')
    const probe = urls.find(url => url.includes('/probe')) ?? ''
    await waitFor(async () => {
      return /^dragonfork_probe_success\{.*\} 1$/m.test((await get(probe)).text)
    }, 'a probe that plays demo')

    const startedAt = performance.now()
    run.kill('SIGTERM')
    t.equal(await run.exited, 0)
    t.ok(performance.now() - startedAt < END_WITHIN_MS, 'within 5 s')
    t.ok(pidsOf(run).length >= 2, 'a worker and FFmpeg ran')
    t.same(pidsOf(run).filter(lives), [])
  },
)
