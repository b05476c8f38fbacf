/**
 * The CPU time of GET /api/v3/webrtc/overview with 200 streams, which the
 * operator's page requests every two seconds.
 */
import { request } from 'undici'
import { takePorts } from '../../shared/test/fixtures/ports.ts'
import { begin } from './media/begin.ts'
import { Product } from './rig/product.ts'
import { median } from './rig/stats.ts'

const STREAMS = 200
const ROUNDS = 5
const REQUESTS = 40
/** The goal, of one request. */
const MAX_MS = 50

const { checkout, cpus } = begin()
const product = await Product.start({
  checkout,
  cpus: cpus.servers,
  udpPorts: await takePorts(20),
  webrtc: { enabled: true, audio: { codec: 'none' } },
  ffmpeg: ['sleep', 'infinity', '#'],
})
try {
  const processes = `${product.url}/api/v3/process`
  for (let index = 1; index < STREAMS; index++) {
    const { statusCode, body } = await request(processes, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        id: `stream-${index}`,
        autostart: false,
        input: [{ id: 'in', address: 'none' }],
        webrtc: { enabled: true },
      }),
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`POST got ${statusCode}: ${text}`)
  }
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await cost())
  const [least, most] = [Math.min(...rounds), Math.max(...rounds)]
  process.stdout.write(
    `overview of ${STREAMS} streams: ${median(rounds).toFixed(1)} ms of CPU ` +
      `(${least.toFixed(1)}-${most.toFixed(1)}), goal ${MAX_MS} ms\n`,
  )
} finally {
  await product.stop()
}

/** Milliseconds of the media process's CPU time per request. */
async function cost(): Promise<number> {
  const before = product.cpu.node
  for (let count = 0; count < REQUESTS; count++) {
    const { body } = await request(`${product.url}/api/v3/webrtc/overview`)
    await body.dump()
  }
  return (product.cpu.node - before) / REQUESTS / 1e6
}
