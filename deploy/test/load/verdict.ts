import t from 'tap'
import { judge, type Findings } from '../../load/verdict.ts'
import { report } from '../../load/report.ts'
import type { Evidence } from '../../load/evidence.ts'
import type { ViewerStatus } from '../../load/viewers/status.ts'

/** The status of a viewer that played all the time, changed by `other`. */
function status(
  viewer: number,
  other: Partial<ViewerStatus> = {},
): ViewerStatus {
  return {
    ...{ viewer, stream: 'demo', age: 60, posted: 201, deleted: 204 },
    ...{ establishment: 0.1, firstPicture: 0.3 },
    longestGap: { seconds: 0.1, startedAt: 3 },
    counts: {
      video: { packets: 900, lost: 0 },
      audio: { packets: 3_000, lost: 0 },
    },
    ...other,
  }
}

const TOTALS = { joined: 2, connected: 2, left: 2 }
const EVIDENCE: Evidence = {
  firstLine: [{ text: 'OK', share: 1 }],
  peers: new Map([['demo', 2]]),
  ...{ p50: 0.05, p95: 0.1, legFailures: [], errors: [], alerts: [] },
  exporter: { cpu: 0.01, memoryBytes: 9e7 },
}

/** Findings of a healthy run of two viewers, changed by `other`. */
function findings(
  other: Partial<Findings> = {},
  evidence: Partial<Evidence> = {},
): Findings {
  return {
    ...{ url: 'http://box', streams: ['demo'], seconds: 60, watching: 2 },
    statuses: [status(1), status(2)],
    totals: TOTALS,
    product: { evidence: { ...EVIDENCE, ...evidence }, totals: TOTALS },
    usages: [],
    ramp: undefined,
    ...other,
  }
}

t.test('a healthy run passes and agrees with Prometheus', t => {
  const verdict = judge(findings())
  t.strictSame(verdict, { passed: true, faults: [], disagreements: [] })
  const text = report(findings(), verdict)
  t.match(text, /played all the time {2}2 of 2/)
  t.match(text, /ICE establishment {4}p50 0\.050 s, p95 0\.100 s/)
  t.match(text, /media process {8}not on this machine/)
  t.match(text, /\nPassed\n$/)
  t.end()
})

/** A viewer that has received nothing, at this age in seconds. */
function starting(age: number): ViewerStatus {
  const { viewer, stream, posted, deleted, longestGap, counts } = status(2)
  return { viewer, stream, posted, deleted, longestGap, counts, age }
}

const REFUSED = 'POST got 503: too many'
const FAULTS: Readonly<Record<string, readonly [ViewerStatus, string]>> = {
  'is refused': [status(2, { posted: 503, end: REFUSED }), REFUSED],
  'has its picture after 11 s': [
    status(2, { firstPicture: 11 }),
    'no picture within 10 s: first one after 11.0 s',
  ],
  'has no picture for 20 s': [
    starting(20),
    'no picture within 10 s: none within 20.0 s',
  ],
  'has no picture yet when the run ends': [
    starting(2),
    'no picture when the run ended',
  ],
  'misses video for 2.1 s': [
    status(2, { longestGap: { seconds: 2.1, startedAt: 30 } }),
    'no video for 2.1 s, 30 s after it joined',
  ],
  'is disconnected': [
    status(2, { end: 'the connection is failed' }),
    'the connection is failed',
  ],
}

for (const [what, [second, text]] of Object.entries(FAULTS)) {
  t.test(`a run fails and names the viewer that ${what}`, t => {
    const found = findings({ statuses: [status(1), second] })
    const verdict = judge(found)
    t.equal(verdict.passed, false)
    t.strictSame(verdict.faults, [{ viewer: 2, stream: 'demo', text }])
    const expected = ['viewers did not play (1), the first line was OK']
    t.strictSame(verdict.disagreements, expected)
    t.ok(report(found, verdict).includes(`viewer 2 (demo): ${text}`))
    t.end()
  })
}

t.test('a gap of exactly 2 s passes', t => {
  const longestGap = { seconds: 2, startedAt: 30 }
  const statuses = [status(1), status(2, { longestGap })]
  t.equal(judge(findings({ statuses })).passed, true)
  t.end()
})

t.test('a run fails if the first line was not OK for a moment', t => {
  const firstLine = [
    { text: 'OK', share: 0.9 },
    { text: 'FFmpeg leg failed', share: 0.1 },
  ]
  const found = findings({}, { firstLine })
  const verdict = judge(found)
  t.equal(verdict.passed, false)
  const expected = ['all viewers played, the first line was not OK']
  t.strictSame(verdict.disagreements, expected)
  t.match(report(found, verdict), /OK 90 %, FFmpeg leg failed 10 %/)
  t.end()
})

t.test('a run without an answer for the first line fails', t => {
  t.equal(judge(findings({}, { firstLine: [] })).passed, false)
  t.end()
})

t.test('a run fails if Prometheus cannot be read, with a report', t => {
  const product = new Error('http://prom does not respond')
  const found = findings({ product })
  const verdict = judge(found)
  t.equal(verdict.passed, false)
  const text = report(found, verdict)
  t.match(text, /played all the time {2}2 of 2/)
  t.match(text, 'http://prom does not respond')
  t.end()
})

t.test('a run without viewers fails', t => {
  t.equal(judge(findings({ statuses: [] })).passed, false)
  t.end()
})

t.test('every total that differs from Prometheus is a disagreement', t => {
  const totals = { joined: 3, connected: 2, left: 1 }
  const evidence = { ...EVIDENCE, peers: new Map([['demo', 3]]) }
  const { disagreements } = judge(findings({ product: { evidence, totals } }))
  t.strictSame(disagreements, [
    'viewers that joined: 2, Prometheus counted 3',
    'viewers that left: 2, Prometheus counted 1',
    'viewers at the end: 2, Prometheus had 3',
  ])
  t.end()
})

t.test('a ramp passes if its first step held, whatever ended it', t => {
  const refused = status(2, { posted: 503, end: REFUSED })
  const statuses = [status(1), refused]
  const limit = 'viewer 2 of 2 (demo): POST got 503: too many'
  const held = findings({ statuses, ramp: { held: 1, limit } })
  const verdict = judge(held)
  t.equal(verdict.passed, true)
  t.match(report(held, verdict), `1 viewer can watch at once. Limit: ${limit}`)
  const none = findings({ statuses, ramp: { held: 0, limit } })
  t.equal(judge(none).passed, false)
  t.end()
})
