import t from 'tap'
import {
  isBootId,
  isSessionId,
  isStreamId,
  parseStreamId,
} from '../../protocol/ids.ts'

t.test('isStreamId() accepts ids that fit a path and a label', t => {
  for (const id of ['cam', 'A.b~c:d@e-f_g', 'x'.repeat(128), '0']) {
    t.ok(isStreamId(id), id)
  }
  for (const id of ['', 'a b', 'a/b', 'a"b', 'é', 'a\n', 'x'.repeat(129), 7]) {
    t.notOk(isStreamId(id), JSON.stringify(id))
  }
  for (const id of ['_unknown', '_overflow', '.', '..']) t.notOk(isStreamId(id))
  t.end()
})

t.test('parseStreamId() names the allowed characters', t => {
  t.equal(parseStreamId('cam'), 'cam')
  t.throws(() => parseStreamId('a b'), /Cannot use "a b" as a stream id: /)
  t.throws(() => parseStreamId(undefined), RangeError)
  t.end()
})

t.test('isBootId() accepts lower-case UUIDs', t => {
  t.ok(isBootId('11111111-1111-4111-8111-111111111111'))
  t.notOk(isBootId('11111111-1111-4111-8111-11111111111A'))
  t.notOk(isBootId(''))
  t.notOk(isBootId(null))
  t.end()
})

t.test('isSessionId() accepts 22 or more URL-safe characters', t => {
  t.ok(isSessionId('x'.repeat(22)))
  t.notOk(isSessionId('x'.repeat(21)))
  t.notOk(isSessionId('x'.repeat(65)))
  t.notOk(isSessionId(`${'x'.repeat(22)}/`))
  t.end()
})
