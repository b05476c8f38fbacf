/** Copies of codecs that browsers cannot play, with FFmpeg and a worker. */
import { execFileSync } from 'node:child_process'
import t from 'tap'

import { FfmpegRun } from '../../fixtures/ffmpeg.ts'
import {
  managedConfig,
  startMediaStack,
  streamId,
} from '../../fixtures/media-stack.ts'
import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { temporaryFolder } from '../../../../shared/test/fixtures/temporary-folder.ts'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { makeSources } from '../fixtures/failing-sources.ts'

requireFfmpeg(t)
t.setTimeout(120_000)

const CASES = [
  ['aac', 'audio', 'audio copy needs opus, the input is aac: use opus'],
  ['pcm_alaw', 'audio', 'audio copy needs opus, the input is pcm_alaw'],
  ['mp3', 'audio', 'audio copy needs opus, the input is mp3: use opus'],
  ['hevc', 'video', 'video copy needs h264, the input is hevc: use h264'],
  ['mpeg4', 'video', 'video copy needs h264, the input is mpeg4: use h264'],
] as const

await t.test(
  'copy of an unsupported codec fails the leg and sends no RTP',
  async t => {
    const sources = await makeSources(await temporaryFolder(t))
    const stack = await startMediaStack({ ports: 20 })
    t.teardown(() => stack.close())
    for (const [codec, kind, words] of CASES) {
      const config = managedConfig({ video: 'copy', audio: 'copy' })
      const stream = stack.streams.add(streamId(codec), config)
      const ffmpeg = await FfmpegRun.start(stream, [
        '-re',
        '-i',
        sources[codec],
      ])
      const { code } = await ffmpeg.ended
      t.not(code, 0)
      const { status } = stream
      t.match(status, { state: 'failed', degraded: true })
      t.match(status.degraded_reason, words)
      const leg = status.legs[kind]
      t.match(leg, { state: 'failed', cause: 'codec', packets: 0 })
      t.equal(stack.legFailures(codec, kind), 1)
      await stream.remove()
    }
    const config = managedConfig({ video: 'copy', audio: 'copy' })
    const stream = stack.streams.add(streamId('opus'), config)
    const ffmpeg = await FfmpegRun.start(stream, ['-re', '-i', sources.opus])
    t.teardown(() => ffmpeg.stop())
    await waitFor(() => (stream.status.legs.audio?.packets ?? 0) > 25)
  },
)

await t.test('opus_metadata leaves Opus packets unchanged', async t => {
  const { opus } = await makeSources(await temporaryFolder(t))
  const packets = (...filter: readonly string[]) =>
    execFileSync('ffmpeg', [
      ...['-v', 'error', '-i', opus, '-map', '0:a', '-c', 'copy', ...filter],
      ...['-f', 'framemd5', '-'],
    ])
      .toString()
      .split('\n')
      .filter(line => !line.startsWith('#'))
  const plain = packets()
  t.ok(plain.length > 100)
  t.same(packets('-bsf:a', 'opus_metadata'), plain)
})
