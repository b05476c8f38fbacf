/** The form of the operator's page: where each error of the API is shown. */
import t from 'tap'
import { parseProcessConfig } from '../../../process/config.ts'
import {
  ProcessError,
  type ConfigProblem,
} from '../../../process/process-error.ts'
import { parseWebrtcConfig } from '../../../ingest/webrtc-config.ts'
import { errorsByField } from '../../../web/static/admin/form-errors.js'
import {
  configOf,
  NEW_STREAM,
  type FormValues,
} from '../../../web/static/admin/form-model.js'

const RULES = {
  inputAllow: [],
  inputBlock: [/forbidden/],
  parseWebrtc: parseWebrtcConfig,
  newId: () => 'in',
}

/** The problems that the API finds in these values. */
function problemsIn(values: Partial<FormValues>): readonly ConfigProblem[] {
  const address = 'rtsp://camera'
  try {
    parseProcessConfig(
      configOf({ ...NEW_STREAM, id: 'a', address, ...values }, {}),
      RULES,
    )
    return []
  } catch (error) {
    if (error instanceof ProcessError) return error.problems
    throw error
  }
}

const WRONG: readonly (readonly [Partial<FormValues>, string, RegExp])[] = [
  [{ id: 'a b' }, 'id', /^expected 1 to 128 of/],
  [{ address: '' }, 'address', /^expected an address/],
  [{ address: 'rtsp://forbidden' }, 'address', /^refused by CORE_FFMPEG/],
  [{ bitrate: '9' }, 'bitrate', /^expected a whole number from 10 to/],
  [{ bitrate: 'much' }, 'bitrate', /got "much"$/],
  [{ height: '1.5' }, 'height', /^expected a whole number from 16 to/],
  [
    { videoCodec: 'none', audioCodec: 'none' },
    'audioCodec',
    /^expected opus or copy/,
  ],
  [
    { kind: 'file', address: '/a.mp4', videoCodec: 'copy' },
    'videoCodec',
    /-stream_loop cannot be copied/,
  ],
  [{ delay: '-1' }, 'delay', /^expected a whole number from 0/],
]

for (const [values, name, message] of WRONG) {
  t.test(`${JSON.stringify(values)} is an error at the field ${name}`, t => {
    const { fields, rest } = errorsByField(problemsIn(values))
    t.same([...fields.keys()], [name])
    t.match([...fields.values()][0], message)
    t.same(rest, [])
    t.end()
  })
}

t.test('errors of several fields are shown at each of them', t => {
  const { fields } = errorsByField(
    problemsIn({ address: '', delay: 'x', height: '1' }),
  )
  t.same([...fields.keys()].toSorted(), ['address', 'delay', 'height'])
  t.end()
})

t.test('a problem without a field of its own is kept', t => {
  const problem = { field: 'limits.cpu_usage', message: 'expected a number' }
  t.same(errorsByField([problem]), {
    fields: new Map(),
    rest: ['limits.cpu_usage: expected a number'],
  })
  t.end()
})
