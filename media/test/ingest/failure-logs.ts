import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'

import { needFfmpeg } from '../fixtures/need-ffmpeg.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'
import {
  foundIn,
  runScenario,
  SCENARIOS,
  suspectsOf,
} from './fixtures/failing-ffmpeg.ts'
import { makeSources } from './fixtures/failing-sources.ts'
import {
  readRecorded,
  RECORDED_LEGS,
  recordedVersions,
} from './fixtures/recorded.ts'

t.setTimeout(240_000)

/** What FFmpeg leaves out without its log flag `level`. */
const LEVEL = /(?<=^(?:\[[^\]]+ @ 0x[0-9a-f]+\] )*)\[\w+\] /g
const PORTS = RECORDED_LEGS.map(({ ports }) => ports)

t.same(await recordedVersions(), ['5.1', '6.1', '7.1'])
for (const version of await recordedVersions()) {
  await t.test(`as FFmpeg ${version} was recorded`, async t => {
    for (const scenario of SCENARIOS) {
      const { log, end } = await readRecorded(version, scenario.name)
      const legs = suspectsOf(scenario, PORTS)
      t.same(foundIn(log, legs), scenario.expected, scenario.name)
      t.equal(end === 'exit 0', scenario.ends === true, `${scenario.name} ends`)
      const words = log.map(line => line.replaceAll(LEVEL, ''))
      const said = foundIn(words, legs)
      t.same(said, scenario.expected, `${scenario.name}, without levels`)
    }
  })
}

async function failsAsExpected(t: Test, binary: string) {
  const sources = await makeSources(await temporaryFolder(t))
  for (const scenario of SCENARIOS) {
    const { log, code, legs } = await runScenario(binary, scenario, sources)
    const found = foundIn(log, legs)
    t.same(found, scenario.expected, scenario.name, { log })
    t.equal(code === 0, scenario.ends === true, `${scenario.name} ends`)
  }
}

needFfmpeg(t)
await t.test('as the FFmpeg on PATH says it now', t =>
  failsAsExpected(t, 'ffmpeg'),
)

// A second one, of another version.
const other = process.env['TEST_OTHER_FFMPEG']
await t.test(
  'as a second FFmpeg says it now',
  { skip: other === undefined && 'TEST_OTHER_FFMPEG names none' },
  async t => {
    if (other === undefined) return
    t.equal(spawnSync(other, ['-version']).status, 0, `${other} runs`)
    await failsAsExpected(t, other)
  },
)
