/**
 * Sends RTP in turn to the server under test and to what it is compared with,
 * so that noise of the machine hits both alike. It runs as a program of its
 * own, and for a managed stream in place of FFmpeg.
 *
 * Usage: node sender.ts <SenderPlan as JSON> [arguments of FFmpeg]
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { makePacket, stamp, type PacketFormat } from './rtp.ts'

export interface SenderPlan {
  readonly format: PacketFormat
  /** Packets sent together to one target, as one frame. */
  readonly burst: number
  /** Interval between two bursts to different targets. */
  readonly intervalMs: number
  /** Ports other than that which FFmpeg's arguments name. */
  readonly ports: readonly number[]
}

interface Target {
  readonly format: PacketFormat
  readonly to: number
  /** 0: any. */
  readonly from: number
  readonly firstSequence: number
}

const LOOPBACK = '127.0.0.1'
const KEY_FRAME_INTERVAL_MS = 500
/** A delay beyond this is not caught up, because a burst would distort. */
const MAX_LAG_MS = 50
/** FFmpeg's pipe for its progress. */
const PROGRESS_FD = 3

const [json = '', ...ffmpegArgs] = process.argv.slice(2)
const plan = JSON.parse(json) as SenderPlan
const { burst, intervalMs, format, ports } = plan

const targets: readonly Target[] = [
  ...(ffmpegArgs.length > 0 ? [ffmpegTarget(ffmpegArgs)] : []),
  ...ports.map(to => ({ format, to, from: 0, firstSequence: 1 })),
]
const senders = await Promise.all(targets.map(createSender))

if (ffmpegArgs.length > 0) {
  let frame = 0
  setInterval(() => {
    frame++
    const lines = [`frame=${frame}`, `out_time_us=${frame}000000`, 'speed=1x']
    writeSync(PROGRESS_FD, `${lines.join('\n')}\nprogress=continue\n`)
  }, 1_000)
}

let dueMs = performance.now()
for (let turn = 0; ; turn++) {
  senders[turn % senders.length]?.(dueMs)
  dueMs += intervalMs
  const nowMs = performance.now()
  if (nowMs - dueMs > MAX_LAG_MS) dueMs = nowMs
  await new Promise(resolve => setTimeout(resolve, dueMs - nowMs))
}

/** The first RTP output of FFmpeg. */
function ffmpegTarget(args: readonly string[]): Target {
  const after = (option: string) => Number(args[args.indexOf(option) + 1])
  const output = args.find(arg => arg.startsWith('rtp://')) ?? ''
  const url = new URL(output.replace('rtp:', 'http:'))
  return {
    format: {
      kind: format.kind,
      payloadType: after('-payload_type'),
      ssrc: after('-ssrc'),
    },
    to: Number(url.port),
    from: Number(url.searchParams.get('localrtpport')),
    firstSequence: after('-seq'),
  }
}

/** Returns a function that sends one burst with a media time. */
async function createSender(target: Target): Promise<(atMs: number) => void> {
  const socket = createSocket('udp4')
  // The receiver may not listen yet, or no longer.
  socket.on('error', () => undefined)
  socket.bind(target.from, LOOPBACK)
  await once(socket, 'listening')
  // A connected socket sends at once, without a lookup of the address.
  socket.connect(target.to, LOOPBACK)
  await once(socket, 'connect')
  let sequence = target.firstSequence
  let keyMs = -Infinity
  return atMs => {
    const isKey = atMs - keyMs >= KEY_FRAME_INTERVAL_MS
    if (isKey) keyMs = atMs
    for (let left = burst; left > 0; left--) {
      const flags = { isKey, isLast: left === 1 }
      const packet = makePacket(target.format, sequence++, atMs, flags)
      stamp(packet)
      socket.send(packet)
    }
  }
}
