import t from 'tap'

import { RunLog } from '../../ffmpeg/run-log.ts'
import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'

function log(): RunLog {
  return new RunLog(new FakeClock(), line => line.replaceAll('secret', '***'))
}

t.test('report() has the prelude and the last lines', t => {
  const runLog = log()
  runLog.add('Input #0')
  runLog.endPrelude()
  runLog.add('a warning')
  t.strictSame(runLog.report(), {
    created_at: 1_700_000_000,
    prelude: ['Input #0'],
    log: [
      ['1700000000', 'Input #0'],
      ['1700000000', 'a warning'],
    ],
    history: [],
  })
  t.equal(runLog.lastLine, 'a warning')
  t.same(runLog.lines, ['Input #0', 'a warning'])
  t.end()
})

t.test('report() is bounded, however many lines there are', t => {
  const runLog = log()
  for (let line = 0; line < 1000; line++) runLog.add(`line ${line}`)
  const { prelude, log: lines } = runLog.report()
  t.equal(lines.length, 100)
  t.equal(lines.at(-1)?.[1], 'line 999')
  t.equal(prelude.length, 151)
  t.same(runLog.lines, prelude)
  runLog.endPrelude()
  t.equal(runLog.lines.length, 100)
  t.same(prelude.slice(99, 102), [
    'line 99',
    '… 850 lines omitted …',
    'line 950',
  ])
  t.end()
})

t.test('report() keeps the three runs before the last as history', t => {
  const runLog = log()
  for (let run = 0; run < 5; run++) {
    runLog.begin()
    runLog.add(`run ${run}`)
    runLog.end(run === 3 ? 'killed' : 'failed')
  }
  const { log: lines, history } = runLog.report()
  t.match(lines, [['1700000000', 'run 4']])
  t.match(history, [
    { prelude: ['run 1'], exit_state: 'failed' },
    { prelude: ['run 2'], exit_state: 'failed', exited_at: 1_700_000_000 },
    { prelude: ['run 3'], exit_state: 'killed' },
  ])
  t.equal(history.length, 3)
  t.end()
})
