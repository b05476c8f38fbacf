/** What FFmpeg sends faster than the worker reads. */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { FfmpegRun } from '../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
  untilLive,
} from '../fixtures/media-stack.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const PORTS = await takePorts(10)
/** Linux counts what sockets hold and what they had to drop. */
const SOCKETS = '/proc/net/udp'
/** What a socket holds where nobody asks for more. */
const KERNEL_DEFAULT_BYTES = 212_992
const NOISE = [
  ...['-re', '-f', 'lavfi'],
  ...['-i', 'testsrc2=size=640x360:rate=10,noise=alls=100:allf=t'],
]

t.setTimeout(60_000)

/** What the sockets of the pool hold, bytes, and packets they dropped. */
function sockets() {
  const lines = readFileSync(SOCKETS, 'utf8').trim().split('\n').slice(1)
  const ours = lines
    .map(line => line.trim().split(/\s+/))
    .filter(([, local = '']) => {
      const port = parseInt(local.split(':')[1] ?? '', 16)
      return port >= PORTS.min && port <= PORTS.max
    })
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)
  return {
    held: sum(ours.map(([, , , , q]) => parseInt(q?.split(':')[1] ?? '', 16))),
    dropped: sum(ours.map(fields => Number(fields.at(-1)))),
  }
}

const skip = !existsSync(SOCKETS) && `${SOCKETS} is not there`

await t.test('key frames that a busy worker reads later', { skip }, async t => {
  const stack = await startMediaStack({ udpPorts: PORTS })
  t.teardown(() => stack.close())
  const stream = stack.streams.add(
    streamId('noise'),
    managedConfig({
      video: { codec: 'h264', bitrate_kbit: 4_000 },
      audio: { codec: 'none' },
    }),
  )
  const ffmpeg = await FfmpegRun.start(stream, NOISE)
  t.teardown(() => ffmpeg.stop())
  await untilLive(stream)
  const { pid } = stack.engine.leastLoaded()
  process.kill(pid, 'SIGSTOP')
  t.teardown(() => {
    process.kill(pid, 'SIGCONT')
  })
  const { dropped } = await waitFor(() => {
    const now = sockets()
    return (now.held > KERNEL_DEFAULT_BYTES || now.dropped > 0) && now
  }, 'packets that wait')
  t.equal(dropped, 0, 'are not lost')
})
