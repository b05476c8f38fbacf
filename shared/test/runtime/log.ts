import t from 'tap'
import { createLog } from '../../runtime/log.ts'

function createSubject() {
  const lines: string[] = []
  const log = createLog({
    write: line => lines.push(line),
    now: () => new Date(0),
  })
  return { log, lines }
}

t.test('a record is one JSON line: time, level, message, fields', t => {
  const { log, lines } = createSubject()
  log.info('listening', { port: 1, text: 'a\nb' })
  t.same(lines, [
    '{"time":"1970-01-01T00:00:00.000Z","level":"info",' +
      '"message":"listening","port":1,"text":"a\\nb"}\n',
  ])
  for (const level of ['debug', 'warn', 'error'] as const) {
    log[level]('test')
    t.match(lines.at(-1), `"level":"${level}","message":"test"}\n`)
  }
  t.end()
})

t.test('with() adds fields to every record', t => {
  const { log, lines } = createSubject()
  log.with({ part: 'web' }).with({ id: 1 }).info('here', { id: 2 })
  t.match(lines[0], '"message":"here","part":"web","id":2}\n')
  t.end()
})

t.test('an error becomes its name, message, code and cause', t => {
  const { log, lines } = createSubject()
  const cause = Object.assign(new Error('inner'), { code: 'EACCES' })
  log.error('failed', { error: new RangeError('outer', { cause }) })
  t.match(JSON.parse(lines[0] ?? ''), {
    error: {
      name: 'RangeError',
      message: 'outer',
      cause: { name: 'Error', message: 'inner', code: 'EACCES' },
    },
  })
  t.notMatch(lines[0], 'stack')
  t.end()
})
