import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'

import { requireFfmpeg } from '../../fixtures/require-ffmpeg.ts'
import { temporaryFolder } from '../../../../shared/test/fixtures/temporary-folder.ts'
import {
  foundIn,
  runScenario,
  SCENARIOS,
  suspectsOf,
} from '../fixtures/failing-ffmpeg.ts'
import { makeSources } from '../fixtures/failing-sources.ts'
import {
  readRecorded,
  RECORDED_LEGS,
  recordedVersions,
} from '../fixtures/recorded.ts'

t.setTimeout(240_000)

/** The part of a line that FFmpeg omits without its log flag `level`. */
const LEVEL = /(?<=^(?:\[[^\]]+ @ 0x[0-9a-f]+\] )*)\[\w+\] /g
const PORTS = RECORDED_LEGS.map(({ ports }) => ports)

t.same(await recordedVersions(), ['5.1', '6.1', '7.1'])
for (const version of await recordedVersions()) {
  await t.test(
    `failureCauses() reads recorded logs of FFmpeg ${version}`,
    async t => {
      for (const scenario of SCENARIOS) {
        const { log, end } = await readRecorded(version, scenario.name)
        const legs = suspectsOf(scenario, PORTS)
        t.same(foundIn(log, legs), scenario.expected, scenario.name)
        t.equal(
          end === 'exit 0',
          scenario.exitsNormally === true,
          `${scenario.name} exits normally`,
        )
        const unlevelled = log.map(line => line.replaceAll(LEVEL, ''))
        const found = foundIn(unlevelled, legs)
        t.same(found, scenario.expected, `${scenario.name}, without levels`)
      }
    },
  )
}

async function checkScenarios(t: Test, binary: string) {
  const sources = await makeSources(await temporaryFolder(t))
  for (const scenario of SCENARIOS) {
    const { log, code, legs } = await runScenario(binary, scenario, sources)
    const found = foundIn(log, legs)
    t.same(found, scenario.expected, scenario.name, { log })
    t.equal(
      code === 0,
      scenario.exitsNormally === true,
      `${scenario.name} exits normally`,
    )
  }
}

requireFfmpeg(t)
await t.test('failureCauses() reads the log of the FFmpeg on PATH', t =>
  checkScenarios(t, 'ffmpeg'),
)

// Of another version.
const other = process.env['TEST_OTHER_FFMPEG']
await t.test(
  'failureCauses() reads the log of a second FFmpeg',
  { skip: other === undefined && 'TEST_OTHER_FFMPEG is not set' },
  async t => {
    if (other === undefined) return
    t.equal(spawnSync(other, ['-version']).status, 0, `${other} runs`)
    await checkScenarios(t, other)
  },
)
