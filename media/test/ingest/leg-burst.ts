/** RTP that FFmpeg sends faster than the worker reads it. */
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
/** Linux lists the bytes queued and packets dropped of each socket. */
const SOCKETS = '/proc/net/udp'
/** Linux's default receive buffer. */
const KERNEL_DEFAULT_BYTES = 212_992
const NOISE = [
  ...['-re', '-f', 'lavfi'],
  ...['-i', 'testsrc2=size=640x360:rate=10,noise=alls=100:allf=t'],
]

t.setTimeout(60_000)

/** Bytes queued in the sockets of the pool, and packets they dropped. */
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
    queued: sum(
      ours.map(([, , , , q]) => parseInt(q?.split(':')[1] ?? '', 16)),
    ),
    dropped: sum(ours.map(fields => Number(fields.at(-1)))),
  }
}

const skip = !existsSync(SOCKETS) && `there is no ${SOCKETS}`

await t.test(
  'key frames are not dropped while the worker is busy',
  { skip },
  async t => {
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
      return (now.queued > KERNEL_DEFAULT_BYTES || now.dropped > 0) && now
    }, 'more queued than the default buffer holds')
    t.equal(dropped, 0)
  },
)
