import t from 'tap'

import { SettingsError } from '../../../shared/runtime/settings.ts'
import { readProcessFile } from '../../process/process-file.ts'
import { RULES } from '../fixtures/process-list.ts'

const YAML = `
- id: demo
  input:
    - address: testsrc2
      options: [-re, -f, lavfi]
  webrtc: { enabled: true }
`
const DEMO = JSON.stringify({
  id: 'demo',
  input: [{ address: 'testsrc2' }],
  webrtc: { enabled: true },
})

function read(text: string, readFile = () => text) {
  return readProcessFile('/etc/processes', RULES, readFile)
}

/** The problems of a file; fails if there are none. */
function problemsOf(text: string, readFile?: () => string): readonly string[] {
  try {
    read(text, readFile)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems
    throw error
  }
  throw new Error('The file was taken')
}

for (const [what, text] of [
  ['a YAML list', YAML],
  ['a JSON list', `[${DEMO}]`],
  ['a process', DEMO],
  ['processes', `{"processes":[${DEMO}]}`],
  ['processes in YAML', `processes:${YAML.replaceAll('\n', '\n  ')}`],
  ['a map by id', `{"process":{"demo":${DEMO.replace('"id":"demo",', '')}}}`],
  [
    'a db.json',
    `{"version":4,"process":{"demo":{"id":"demo","config":${DEMO}}}}`,
  ],
] as const) {
  t.test(`readProcessFile() accepts ${what}`, t => {
    t.match(read(text), [{ id: 'demo', input: [{ address: 'testsrc2' }] }])
    t.end()
  })
}

t.test('the limits in a db.json are read in its own units', t => {
  const config = `{"limit_memory_bytes":2097152,${DEMO.slice(1)}`
  t.match(read(`{"process":{"demo":{"config":${config}}}}`), [
    { limits: { memory_mbytes: 2 } },
  ])
  t.end()
})

t.test('readProcessFile() accepts an empty file', t => {
  t.same(read(''), [])
  t.same(read('[]'), [])
  t.end()
})

t.test('problems name the file, the process and the field', t => {
  t.same(problemsOf('[{"id":"a","input":[{}],"output":[]}, 5]'), [
    'CORE_PROCESS_FILE: /etc/processes: [0].input[0].address: expected an address',
    'CORE_PROCESS_FILE: /etc/processes: [1].process: expected an object',
  ])
  t.match(problemsOf(`[${DEMO},${DEMO}]`), [
    /: \[1\]\.id: expected a unique id$/,
  ])
  t.match(
    problemsOf('{"processes":[{"input":[{"address":"a"}]}]}'),
    [
      /processes\[0\]\.output: expected at least one/,
      /processes\[0\]\.id: /,
    ].toReversed(),
  )
  t.match(problemsOf('{"process":{"a b":{"webrtc":{"enabled":true}}}}'), [
    /: process\.a b\.id: /,
    /: process\.a b\.input: /,
  ])
  t.match(problemsOf('id: [}'), [/^CORE_PROCESS_FILE: \/etc\/processes: /])
  t.match(problemsOf('5'), [/: process: expected an object$/])
  t.end()
})

t.test('an unreadable file is named in the error', t => {
  const missing = () => {
    throw new Error('ENOENT: no such file')
  }
  t.same(problemsOf('', missing), [
    'CORE_PROCESS_FILE: /etc/processes: ENOENT: no such file',
  ])
  t.end()
})
