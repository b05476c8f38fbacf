import t from 'tap'

import { exitState } from '../../ffmpeg/status.ts'

t.test('exitState() tells an end that was asked for from an error', t => {
  const stateOf = (code: number | null, signal: string | null = null) => ({
    alone: exitState({ code, signal }, false),
    told: exitState({ code, signal }, true),
  })
  t.same(stateOf(0), { alone: 'finished', told: 'finished' })
  // A signal's number of old, and EPERM of FFmpeg 7.1.
  t.same(stateOf(255), { alone: 'failed', told: 'finished' })
  t.same(stateOf(1), { alone: 'failed', told: 'failed' })
  // FFmpeg 7.1: ENOENT, EINVAL.
  t.same(stateOf(254), { alone: 'failed', told: 'failed' })
  t.same(stateOf(234), { alone: 'failed', told: 'failed' })
  t.same(stateOf(null, 'SIGINT'), { alone: 'finished', told: 'finished' })
  t.same(stateOf(null, 'SIGSEGV'), { alone: 'killed', told: 'killed' })
  t.end()
})
