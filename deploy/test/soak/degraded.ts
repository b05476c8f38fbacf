/** Like deploy/test/truenas/degraded.ts, but with every case. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'
import { DEGRADED_CASES } from '../sources/fixtures/degraded-cases.ts'
import { DegradedMatrix } from '../truenas/fixtures/degraded-matrix.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'

const UDP_PORTS = await takePorts(200)
const CONCURRENCY = 6

t.setTimeout(0)

t.test('Prometheus shows every reason for the right stream', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const matrix = await DegradedMatrix.start(t, UDP_PORTS)
  await t.test('degraded streams', { jobs: CONCURRENCY }, t => {
    for (const [what, one] of Object.entries(DEGRADED_CASES)) {
      t.test(`${what} is shown as ${one.reason}`, t => matrix.check(t, one))
    }
    t.end()
  })
  await matrix.healthyWereWell(t)
})

/**
 * Makes FFmpeg produce a constant frame rate while the video timestamps jump by
 * an hour: it fills the gap with duplicates.
 */
const REPEATING_FFMPEG = `#!/bin/bash
changed=()
while [ $# -gt 0 ]; do
  case "$1" in
    -vf) changed+=(-vf "setpts='PTS+gt(N,90)*3600/TB'"); shift 2 ;;
    -fps_mode) changed+=(-r 15 -fps_mode cfr); shift 2 ;;
    *) changed+=("$1"); shift ;;
  esac
done
exec ffmpeg "\${changed[@]}"
`

t.test('Prometheus shows an FFmpeg that repeats one picture', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const binary = join(t.testdir(), 'ffmpeg')
  await writeFile(binary, REPEATING_FFMPEG)
  await chmod(binary, 0o755)
  const matrix = await DegradedMatrix.start(
    t,
    UDP_PORTS,
    {
      CORE_FFMPEG_BINARY: binary,
    },
    {},
  )
  const options = ['-re', '-f', 'lavfi']
  await matrix.check(t, {
    reason: 'standing-picture',
    message: /the picture stands/,
    open: () =>
      Promise.resolve({
        inputs: [{ address: 'testsrc2=size=320x180:rate=15', options }],
        webrtc: { audio: 'none' },
      }),
  })
})
