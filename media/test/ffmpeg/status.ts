import t from 'tap'

import { exitState } from '../../ffmpeg/status.ts'

t.test('exitState() distinguishes a requested end from an error', t => {
  const stateOf = (code: number | null, signal: string | null = null) => ({
    unexpected: exitState({ code, signal }, false),
    requested: exitState({ code, signal }, true),
  })
  t.same(stateOf(0), { unexpected: 'finished', requested: 'finished' })
  // After a signal, or EPERM in FFmpeg 7.1.
  t.same(stateOf(255), { unexpected: 'failed', requested: 'finished' })
  t.same(stateOf(1), { unexpected: 'failed', requested: 'failed' })
  // FFmpeg 7.1: ENOENT, EINVAL.
  t.same(stateOf(254), { unexpected: 'failed', requested: 'failed' })
  t.same(stateOf(234), { unexpected: 'failed', requested: 'failed' })
  t.same(stateOf(null, 'SIGINT'), {
    unexpected: 'finished',
    requested: 'finished',
  })
  t.same(stateOf(null, 'SIGSEGV'), {
    unexpected: 'killed',
    requested: 'killed',
  })
  t.end()
})
