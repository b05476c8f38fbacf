import fc from 'fast-check'
import t from 'tap'

import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'

import { parseProcessConfig, type ConfigRules } from '../../process/config.ts'
import { mergeJson } from '../../process/merge.ts'
import type { ProcessConfig } from '../../process/process-config.ts'
import { ProcessError } from '../../process/process-error.ts'
import {
  fromStoredConfig,
  toStoredConfig,
} from '../../process/stored-config.ts'
import { RULES } from '../fixtures/process-list.ts'

const INPUT = { id: 'in', address: 'rtsp://cam/1', options: [] }
const OUTPUT = { id: 'out', address: '-', options: [], cleanup: [] }
const LEAST = { id: 'a', input: [INPUT], output: [OUTPUT] }

/** The problems of `raw` as lines; none if it is accepted. */
function problems(raw: unknown, rules: Partial<ConfigRules> = {}) {
  try {
    parseProcessConfig(raw, { ...RULES, ...rules })
    return []
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error
    return error.problems.map(({ field, message }) => `${field}: ${message}`)
  }
}

t.test('absent fields get the defaults of upstream', t => {
  t.strictSame(parseProcessConfig(LEAST, RULES), {
    id: 'a',
    type: 'ffmpeg',
    reference: '',
    input: [INPUT],
    output: [OUTPUT],
    options: [],
    reconnect: false,
    reconnect_delay_seconds: 0,
    autostart: true,
    stale_timeout_seconds: 0,
    limits: { cpu_usage: 0, memory_mbytes: 0, waitfor_seconds: 0 },
    webrtc: { enabled: false },
  })
  t.end()
})

t.test('unknown fields are dropped, and null counts as absent', t => {
  const config = parseProcessConfig(
    { ...LEAST, scheduler: 'x', reference: null, limits: null, options: null },
    RULES,
  )
  t.notOk('scheduler' in config)
  t.equal(config.reference, '')
  t.end()
})

t.test('a looped input with codec copy is rejected', t => {
  const raw = (codec: string) => ({
    id: 'a',
    input: [{ address: 'a.mp4', options: ['-stream_loop', '-1'] }],
    webrtc: { enabled: true, video: { codec } },
  })
  const rules = { parseWebrtc: parseWebrtcConfig }
  t.strictSame(problems(raw('copy'), rules), [
    'webrtc.video.codec: expected h264 or vp8, as -stream_loop cannot be copied',
  ])
  t.strictSame(problems(raw('h264'), rules), [])
  t.end()
})

t.test('all problems are reported at once, each with its field', t => {
  const raw = {
    id: 7,
    type: 'gstreamer',
    reference: [],
    input: [
      { address: '', options: 'x' },
      { address: 'a', options: ['-i', 'b'] },
      5,
    ],
    output: { address: 'x' },
    options: ['-re', null, 'a\0b'],
    reconnect: 'yes',
    reconnect_delay_seconds: -1,
    stale_timeout_seconds: 1.5,
    reconnect_backoff: { max_seconds: '9', jitter: 2 },
    autostart: 0,
    limits: { cpu_usage: '5', memory_mbytes: 1e99, waitfor_seconds: NaN },
    webrtc: { enabled: true, video: 'av1' },
  }
  t.strictSame(
    problems(raw).toSorted(),
    [
      'type: expected ffmpeg, got "gstreamer"',
      'reconnect_backoff.max_seconds: ' +
        'expected a whole number from 0 to 2000000, got "9"',
      'reconnect_backoff.jitter: expected a number from 0 to 1, got 2',
      'limits.cpu_usage: expected a number from 0 to 100000, got "5"',
      'limits.memory_mbytes: ' +
        'expected a whole number from 0 to 1073741824, got 1e+99',
      'limits.waitfor_seconds: ' +
        'expected a whole number from 0 to 2000000, got null',
      'id: expected text, got 7',
      'reference: expected text, got a list',
      'input[0].address: expected an address',
      'input[0].options: expected a list, got "x"',
      'input[1].options: expected no -i; an input has an address',
      'input[2]: expected an object, got 5',
      'output: expected a list, got an object',
      'options[1]: expected text, got null',
      'options[2]: expected text, got text with a zero byte',
      'reconnect: expected true or false, got "yes"',
      'reconnect_delay_seconds: ' +
        'expected a whole number from 0 to 2000000, got -1',
      'autostart: expected true or false, got 0',
      'stale_timeout_seconds: ' +
        'expected a whole number from 0 to 2000000, got 1.5',
      'webrtc.video.codec: expected one of h264, vp8, copy, none, got "av1"',
    ].toSorted(),
  )
  t.end()
})

t.test('on_demand can be removed by an update', t => {
  const webrtc = { enabled: true, on_demand: true, idle_seconds: 5 }
  const before = toStoredConfig(
    parseProcessConfig({ ...LEAST, webrtc }, RULES),
    undefined,
  )
  const config = parseProcessConfig(
    { ...LEAST, webrtc: { enabled: true } },
    RULES,
  )
  const stored: unknown = JSON.parse(
    JSON.stringify(toStoredConfig(config, before)),
  )
  const { webrtc: read } = parseProcessConfig(fromStoredConfig(stored), RULES)
  t.same(read, config.webrtc)
  t.notOk('on_demand' in read)
  t.end()
})

t.test('reconnect_backoff has defaults and can be removed by an update', t => {
  const parse = (reconnect_backoff: unknown) =>
    parseProcessConfig({ ...LEAST, reconnect_backoff }, RULES)
  const { reconnect_backoff } = parse({})
  t.same(reconnect_backoff, { max_seconds: 300, jitter: 0.2 })
  t.notOk('reconnect_backoff' in parse({ max_seconds: 0 }))
  const patch = { reconnect_backoff: { max_seconds: 0 } }
  const patched = parseProcessConfig(mergeJson(parse({}), patch), RULES)
  t.notOk('reconnect_backoff' in patched)
  t.end()
})

t.test('a process that is not an object is rejected', t => {
  for (const raw of [undefined, null, 1, 'x', []]) {
    t.same(problems(raw), ['process: expected an object'])
  }
  t.end()
})

t.test('a process without inputs or outputs is rejected', t => {
  t.same(problems({ id: 'a' }), [
    'input: expected at least one',
    'output: expected at least one, or webrtc.enabled',
  ])
  const webrtc = { enabled: true }
  t.same(problems({ id: 'a', webrtc }), ['input: expected at least one'])
  t.same(problems({ id: 'a', input: [INPUT], webrtc }), [])
  const audio = { codec: 'opus', port: 5004, payload_type: 111 }
  const external = { enabled: true, ingest: 'external', audio }
  t.same(problems({ id: 'a', webrtc: external }), [])
  t.same(problems({ ...LEAST, webrtc: external }), [
    'input: expected none, as webrtc.ingest is external',
    'output: expected none, as webrtc.ingest is external',
  ])
  t.end()
})

t.test('with webrtc enabled, an id must be a valid stream id', t => {
  const webrtc = { enabled: true }
  for (const id of ['', '_unknown', '..', 'a/b', 'ä', 'x'.repeat(129)]) {
    t.match(problems({ ...LEAST, id, webrtc }), [/^id: expected 1 to 128 of /])
  }
  t.same(problems({ ...LEAST, id: 'restreamer-ui:ingest:1', webrtc }), [])
  t.same(problems({ ...LEAST, id: 'a/b ä' }), [])
  for (const id of ['', 'a\n', 'x'.repeat(257)]) {
    t.match(problems({ ...LEAST, id }), [
      /^id: expected 1 to 256 printable characters/,
    ])
  }
  t.end()
})

t.test('ids of inputs and outputs are unique and generated if absent', t => {
  t.same(problems({ ...LEAST, input: [INPUT, { ...INPUT, id: 'x' }, INPUT] }), [
    'input[2].id: expected a unique id, got "in" again',
  ])
  const { input } = parseProcessConfig(
    { ...LEAST, input: [{ address: 'a' }, { address: 'b' }] },
    RULES,
  )
  t.match(input, [{ id: /^made-up-/ }, { id: /^made-up-/ }])
  t.not(input[0]?.id, input[1]?.id)
  t.end()
})

t.test('input addresses are allowed and blocked by pattern', t => {
  const refused = [
    'input[0].address: refused by CORE_FFMPEG_ACCESS_INPUT_BLOCK',
  ]
  const notAllowed = [
    'input[0].address: not among CORE_FFMPEG_ACCESS_INPUT_ALLOW',
  ]
  const at = (address: string) => ({ ...LEAST, input: [{ address }] })
  const allow = { inputAllow: [/^rtsp:/, /^lavfi$/] }
  const block = { inputBlock: [/secret/] }
  t.same(problems(at('rtsp://a'), allow), [])
  t.same(problems(at('file:/etc/passwd'), allow), notAllowed)
  t.same(problems(at('rtsp://secret'), block), refused)
  t.same(problems(at('rtsp://secret'), { ...allow, ...block }), refused)
  t.same(problems(at('http://a'), block), [])
  // Checked after the placeholders are filled.
  t.same(
    problems({ ...at('{reference}'), reference: 'secret' }, block),
    refused,
  )
  t.same(problems({ ...LEAST, options: ['-i', 'x'] }), [
    'options: expected no -i; an input has a list of its own',
  ])
  t.end()
})

t.test('placeholders and addresses that only upstream has are rejected', t => {
  for (const name of [
    'memfs',
    'diskfs',
    'fs:disk',
    'rtmp,name=x',
    'srt,name=x',
    'memfs^:',
  ]) {
    const output = [{ address: `{${name}}/x` }]
    t.match(problems({ ...LEAST, output }), [
      /^output\[0\].address: expected none of upstream's own /,
    ])
  }
  const input = [{ address: '#other:output=0' }]
  t.match(problems({ ...LEAST, input }), [/not an output of another process$/])
  t.end()
})

/** Any JSON, often similar to a process. */
const anyConfig = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      id: fc.oneof(fc.string(), fc.jsonValue()),
      type: fc.oneof(fc.constantFrom('ffmpeg', ''), fc.jsonValue()),
      reference: fc.oneof(fc.string(), fc.jsonValue()),
      input: anyIo(),
      output: anyIo(),
      options: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
      reconnect: fc.oneof(fc.boolean(), fc.jsonValue()),
      reconnect_delay_seconds: fc.oneof(fc.nat(), fc.jsonValue()),
      reconnect_backoff: fc.oneof(
        fc.record({ max_seconds: fc.nat(1000) }),
        fc.jsonValue(),
      ),
      autostart: fc.boolean(),
      stale_timeout_seconds: fc.oneof(fc.nat(100), fc.double()),
      limits: fc.oneof(
        fc.record({ cpu_usage: fc.double(), memory_mbytes: fc.nat() }),
        fc.jsonValue(),
      ),
      webrtc: fc.oneof(
        fc.record({ enabled: fc.boolean(), video: fc.string() }),
        fc.jsonValue(),
      ),
    },
    { requiredKeys: [] },
  ),
)

function anyIo() {
  const io = fc.record(
    {
      id: fc.string(),
      address: fc.oneof(fc.string({ minLength: 1 }), fc.jsonValue()),
      options: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
    },
    { requiredKeys: ['address'] },
  )
  return fc.oneof(fc.array(io, { maxLength: 3 }), fc.jsonValue())
}

/** Valid processes. */
const goodConfig = fc
  .record({
    id: fc.stringMatching(/^[A-Za-z0-9]{1,20}$/),
    reference: fc.string().filter(text => !text.includes('\0')),
    input: goodIo(),
    output: goodIo(),
    options: fc.array(fc.constantFrom('-re', '-y', 'é{}')),
    reconnect: fc.boolean(),
    reconnect_delay_seconds: fc.nat(1000),
    autostart: fc.boolean(),
    stale_timeout_seconds: fc.nat(1000),
    limits: fc.record({
      cpu_usage: fc.double({ min: 0, max: 400, noNaN: true }),
      memory_mbytes: fc.nat(10_000),
      waitfor_seconds: fc.nat(100),
    }),
    webrtc: fc.record({
      enabled: fc.boolean(),
      video: fc.constantFrom('h264', 'vp8', 'none'),
    }),
  })
  .map(raw => parseProcessConfig(raw, RULES))

function goodIo() {
  const io = fc.record({ address: fc.constantFrom('a', 'rtsp://b', '-') })
  return fc.array(io, { minLength: 1, maxLength: 3 })
}

t.test('any JSON is parsed or rejected with its invalid fields', t => {
  fc.assert(
    fc.property(anyConfig, raw => {
      let config: ProcessConfig
      try {
        config = parseProcessConfig(raw, RULES)
      } catch (error) {
        // No other error is thrown, and every problem has a field and a reason.
        if (!(error instanceof ProcessError)) throw error
        t.equal(error.code, 'bad-config')
        return error.problems.every(p => p.field !== '' && p.message !== '')
      }
      // Parsing an accepted configuration changes nothing.
      t.strictSame(parseProcessConfig(config, RULES), config)
      return true
    }),
    { numRuns: 2_000 },
  )
  t.end()
})

t.test('a configuration survives storing unchanged', t => {
  fc.assert(
    fc.property(goodConfig, config => {
      const stored: unknown = JSON.parse(
        JSON.stringify(toStoredConfig(config, undefined)),
      )
      t.strictSame(parseProcessConfig(fromStoredConfig(stored), RULES), config)
    }),
  )
  t.end()
})

t.test('a patch with a whole configuration replaces the old one', t => {
  fc.assert(
    fc.property(goodConfig, goodConfig, (before, after) => {
      t.strictSame(parseProcessConfig(mergeJson(before, after), RULES), after)
      t.strictSame(mergeJson(before, {}), before)
    }),
  )
  t.end()
})

t.test(
  "toStoredConfig() writes upstream's format and keeps unknown fields",
  t => {
    const config = parseProcessConfig(
      {
        ...LEAST,
        limits: { cpu_usage: 50, memory_mbytes: 2, waitfor_seconds: 5 },
        webrtc: { enabled: true },
      },
      RULES,
    )
    const before = {
      ffversion: '^5.1.0',
      owner: 'me',
      reconnect_backoff: { max_seconds: 1, jitter: 0 },
      webrtc: { future: 1 },
    }
    t.strictSame(JSON.parse(JSON.stringify(toStoredConfig(config, before))), {
      ffversion: '^5.1.0',
      owner: 'me',
      webrtc: { future: 1, ...config.webrtc },
      id: 'a',
      reference: '',
      input: [INPUT],
      output: [OUTPUT],
      options: [],
      reconnect: false,
      reconnect_delay_seconds: 0,
      autostart: true,
      stale_timeout_seconds: 0,
      limit_cpu_usage: 50,
      limit_memory_bytes: 2097152,
      limit_waitfor_seconds: 5,
    })
    t.end()
  },
)
