import t from 'tap'

import { RepeatedLines } from '../../ffmpeg/repeated-lines.ts'

t.test('RepeatedLines detects per-frame lines after the first', t => {
  const repeated = new RepeatedLines()
  const warning =
    '[graph 0 input from stream 0:0 @ 0x560a072be340] [warning] Changing ' +
    'video frame properties on the fly is not supported by all filters.'
  const context = (seconds: number) =>
    '[graph 0 input from stream 0:0 @ 0x560a072be340] [info] filter context ' +
    `- w: 640 h: 360 fmt: 0, incoming frame - w: 480 h: 270 ${seconds}`
  t.equal(repeated.has(warning), false)
  t.equal(repeated.has(context(1)), false)
  t.equal(repeated.has(warning), true)
  t.equal(repeated.has(context(2)), true)
  t.equal(repeated.has('[error] Connection refused'), false)
  t.equal(repeated.has('[error] Connection refused'), false)
  t.end()
})
