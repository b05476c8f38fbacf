import t from 'tap'

import { planLegs, type LegPlan } from '../../ingest/leg-plan.ts'
import type { LegView } from '../../ingest/leg-monitor.ts'
import { degradedBy, type RunningView } from '../../stream/degraded.ts'
import { managedConfig } from '../fixtures/media-stack.ts'

const [VIDEO, AUDIO] = legsOf(planLegs(managedConfig()))

function legsOf([video, audio]: readonly LegPlan[]) {
  if (!video || !audio) throw new Error('Expected two legs')
  return [video, audio] as const
}

function leg(plan: LegPlan, view: Partial<LegView> = {}): LegView {
  return {
    plan,
    state: 'live',
    cause: undefined,
    detail: undefined,
    packets: 1,
    silentMs: 0,
    faults: [],
    ...view,
  }
}

function running(view: Partial<RunningView> = {}): RunningView {
  return {
    over: false,
    startedAtMs: 0,
    legs: [leg(VIDEO), leg(AUDIO)],
    faults: [],
    workerAnswers: true,
    ...view,
  }
}

const BLOCKY = { reason: 'b-frames', message: 'there are B-frames' } as const
const SLOW = { reason: 'slow', message: 'slower than real time' } as const

t.test('degradedBy() is undefined for a healthy stream', t => {
  t.equal(degradedBy(running()), undefined)
  t.end()
})

t.test('degradedBy() lists the worst fault first, each with its kind', t => {
  const legs = [
    leg(VIDEO, { faults: [BLOCKY] }),
    leg(AUDIO, { state: 'failed', cause: 'silent' }),
  ]
  t.same(degradedBy(running({ legs, faults: [SLOW] })), {
    reason: 'leg-failed',
    message:
      'audio: no RTP arrives; slower than real time; video: there are B-frames',
  })
  t.end()
})

t.test('degradedBy() reports a frozen worker as the only reason', t => {
  const legs = [leg(VIDEO, { faults: [BLOCKY] })]
  t.same(degradedBy(running({ legs, workerAnswers: false })), {
    reason: 'worker-frozen',
    message: 'the media worker does not answer',
  })
  t.end()
})

t.test('degradedBy() prefers the detail of a cause', t => {
  const failed = (cause: LegView['cause'], detail?: string) =>
    degradedBy(
      running({ legs: [leg(AUDIO, { state: 'failed', cause, detail })] }),
    )
  t.same(failed('codec', 'audio copy needs opus, the input is aac: use opus'), {
    reason: 'codec',
    message: 'audio copy needs opus, the input is aac: use opus',
  })
  t.same(failed('payload-type', 'RTP of payload type 96 arrives'), {
    reason: 'payload-type',
    message: 'audio: RTP of payload type 96 arrives',
  })
  t.equal(failed('bind')?.reason, 'leg-failed')
  t.end()
})

t.test('degradedBy() reports only the leg with the wrong codec', t => {
  const message = 'audio copy needs opus, the input is aac: use opus'
  const legs = [
    leg(VIDEO, { state: 'failed', cause: 'exit' }),
    leg(AUDIO, { state: 'failed', cause: 'codec', detail: message }),
  ]
  t.same(degradedBy(running({ legs })), { reason: 'codec', message })
  t.end()
})
