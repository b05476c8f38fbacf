import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

import { rtpPayload } from '../../../../shared/protocol/rtp-packet.ts'
import { readPictureFormat, spsIn } from '../../../ingest/rtp/sps.ts'

/** Returns the SPS that x264 writes for a pixel format. */
async function spsOf(pixelFormat: string, options: readonly string[] = []) {
  const { stdout } = await promisify(execFile)(
    'ffmpeg',
    [
      ...['-loglevel', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180'],
      ...['-frames:v', '1', '-c:v', 'libx264', '-preset', 'ultrafast'],
      ...['-pix_fmt', pixelFormat, ...options, '-f', 'h264', '-'],
    ],
    { encoding: 'buffer' },
  )
  const start = stdout.indexOf(Buffer.from([0, 0, 0, 1, 0x67]))
  const end = stdout.indexOf(Buffer.from([0, 0, 0, 1]), start + 4)
  return stdout.subarray(start + 4, end)
}

await t.test('readPictureFormat() reads the SPS that x264 writes', async t => {
  const FORMATS = {
    yuv420p: { chroma: 1, bits: 8 },
    yuv422p: { chroma: 2, bits: 8 },
    yuv444p: { chroma: 3, bits: 8 },
    yuv420p10le: { chroma: 1, bits: 10 },
    yuv422p10le: { chroma: 2, bits: 10 },
    gray: { chroma: 0, bits: 8 },
  }
  for (const [pixelFormat, format] of Object.entries(FORMATS)) {
    const sps = await spsOf(pixelFormat)
    t.same(readPictureFormat(sps), format, pixelFormat)
  }
  for (const profile of ['baseline', 'main', 'high']) {
    const sps = await spsOf('yuv420p', ['-profile:v', profile])
    t.same(readPictureFormat(sps), { chroma: 1, bits: 8 }, profile)
  }
})

await t.test('readPictureFormat() rejects a truncated SPS', async t => {
  const sps = await spsOf('yuv420p10le')
  for (const bytes of [0, 1, 4]) {
    t.equal(readPictureFormat(sps.subarray(0, bytes)), undefined)
  }
  t.equal(
    readPictureFormat(Buffer.from([0x67, 110, 0, 30, 0])),
    undefined,
    'an endless Exp-Golomb number',
  )
})

await t.test(
  'spsIn() finds the SPS in a single NAL unit and in a STAP-A',
  t => {
    const sps = Buffer.from([0x67, 66, 0, 30, 1, 2])
    const pps = Buffer.from([0x68, 9])
    const withSize = (nal: Buffer) => Buffer.from([0, nal.length, ...nal])
    const stapA = Buffer.from([0x78, ...withSize(pps), ...withSize(sps)])
    t.same(spsIn(sps), sps)
    t.same(spsIn(stapA), sps)
    t.equal(spsIn(pps), undefined)
    t.equal(spsIn(Buffer.from([0x7c, 0x85, 1])), undefined, 'a fragment')
    t.equal(spsIn(Buffer.from([0x78, 255, 255, 0x67])), undefined, 'too short')
    t.equal(spsIn(Buffer.alloc(0)), undefined)
    t.end()
  },
)

await t.test('rtpPayload() skips header, CSRCs and extension', t => {
  const packet = (first: number, extra: readonly number[]) =>
    Buffer.from([first, ...Array<number>(11).fill(0), ...extra])
  t.same(rtpPayload(packet(0x80, [1, 2])), Buffer.from([1, 2]))
  t.same(
    rtpPayload(packet(0x82, [...Array<number>(8).fill(9), 1])),
    Buffer.from([1]),
    'with CSRCs',
  )
  t.same(
    rtpPayload(packet(0x90, [0xbe, 0xde, 0, 1, 9, 9, 9, 9, 1])),
    Buffer.from([1]),
    'with an extension',
  )
  t.same(
    rtpPayload(packet(0x90, [0xbe])),
    Buffer.from([0xbe]),
    'with a truncated extension',
  )
  t.same(rtpPayload(packet(0x8f, [])), Buffer.alloc(0))
  t.end()
})
