import t from 'tap'
import { waitFor } from '../../shared/test/fixtures/wait-for.ts'
import { RecordedRun, stepsOf } from './ingest/fixtures/recorded-run.ts'
t.setTimeout(100_000)
await t.test('oh', async t => {
  const run = await RecordedRun.start(t, [{ address: 'testsrc2=size=320x180:rate=15', options: ['-re', '-f', 'lavfi'] }], { video: { options: ['-c:v', 'libopenh264', '-vf', 'hflip'] }, audio: 'none' })
  await waitFor(() => run.code !== undefined || run.frames.video.filter(f => f.isKeyFrame).length > 3, 'keys', 30_000)
  const keys = stepsOf(run.frames.video.filter(f => f.isKeyFrame))
  console.log(run.code, keys, run.log.filter(l => /h264|error|warn/.test(l)).join('\n'))
})
