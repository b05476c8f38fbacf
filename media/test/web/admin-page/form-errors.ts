/** The form of the operator's page: where each error of the API is shown. */
import t from 'tap'
import { parseProcessConfig } from '../../../process/config.ts'
import { ProcessError, problemLines } from '../../../process/process-error.ts'
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

/** The details that the API answers with for these values. */
function detailsOf(values: Partial<FormValues>): readonly string[] {
  const address = 'rtsp://camera'
  try {
    parseProcessConfig(
      configOf({ ...NEW_STREAM, id: 'a', address, ...values }, {}),
      RULES,
    )
    return []
  } catch (error) {
    if (error instanceof ProcessError) return problemLines(error.problems)
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
    const { fields, rest } = errorsByField(detailsOf(values))
    t.same([...fields.keys()], [name])
    t.match([...fields.values()][0], message)
    t.same(rest, [])
    t.end()
  })
}

t.test('errors of several fields are shown at each of them', t => {
  const { fields } = errorsByField(
    detailsOf({ address: '', delay: 'x', height: '1' }),
  )
  t.same([...fields.keys()].toSorted(), ['address', 'delay', 'height'])
  t.end()
})

t.test('an id in use is an error at the id', t => {
  const line = 'A process with the id "a: b" already exists'
  t.equal(errorsByField([line]).fields.get('id'), line)
  t.end()
})

t.test('an error without a field of its own is kept', t => {
  const lines = ['limits.cpu_usage: expected a number', 'Something else']
  t.same(errorsByField(lines), { fields: new Map(), rest: lines })
  t.end()
})
