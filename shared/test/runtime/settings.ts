import t from 'tap'
import {
  describeSettings,
  isLoopback,
  listOf,
  optional,
  parseAddress,
  parseBoolean,
  parseCoreId,
  parseText,
  readSettings,
  urlOf,
  wholeNumber,
  type SettingsSource,
} from '../../runtime/settings.ts'
import { problemsOf } from '../fixtures/problems-of.ts'

const TABLE = {
  port: {
    name: 'PORT',
    fallback: '80',
    parse: wholeNumber(0, 99),
    help: 'where',
  },
  token: {
    name: 'TOKEN',
    fallback: '',
    parse: optional(parseText),
    help: 'who',
    secret: true,
  },
} as const

function source(
  env: Record<string, string>,
  files: Record<string, string> = {},
): SettingsSource {
  return {
    env,
    readFile: path => {
      const text = files[path]
      if (text === undefined) throw new Error(`ENOENT ${path}`)
      return text
    },
  }
}

const problems = (given: SettingsSource) =>
  problemsOf(() =>
    readSettings(TABLE, given, ({ port }) => (port === 13 ? ['luck'] : [])),
  )

t.test('readSettings() reads the environment and falls back to defaults', t => {
  t.same(readSettings(TABLE, source({})), { port: 80, token: undefined })
  const env = { PORT: ' 7 ', TOKEN: 'x' }
  t.same(readSettings(TABLE, source(env)), { port: 7, token: 'x' })
  t.same(readSettings(TABLE, source({ PORT: '' })).port, 80)
  t.end()
})

t.test('readSettings() reads only secrets from files', t => {
  const files = { '/t': ' hush\n', '/empty': '\n' }
  const at = (path: string, more = {}) =>
    source({ TOKEN_FILE: path, PORT_FILE: '/t', ...more }, files)
  t.same(readSettings(TABLE, at('/t')), { port: 80, token: 'hush' })
  t.match(problems(at('/none')), [/^TOKEN: expected TOKEN_FILE .*: ENOENT/])
  t.match(problems(at('/empty')), [/^TOKEN: expected TOKEN_FILE to name a/])
  t.match(problems(at('/t', { TOKEN: 'x' })), [/^TOKEN: expected only one of/])
  t.end()
})

t.test('readSettings() names every bad value, then every conflict', t => {
  const bad = source({ PORT: '100', TOKEN_FILE: '/none' })
  t.match(problems(bad), [/^PORT: expected .* got "100"$/, /^TOKEN: /])
  t.same(problems(source({ PORT: '13' })), ['luck'])
  t.end()
})

t.test('describeSettings() shows name, default and help', t => {
  const text = describeSettings(TABLE)
  t.match(text, 'PORT (default: 80)\n      where\n')
  t.match(text, 'TOKEN, or TOKEN_FILE (default: none)\n      who\n')
  t.end()
})

t.test('parseAddress() accepts host:port, [v6]:port and :port', t => {
  t.same(parseAddress('127.0.0.1:0'), { host: '127.0.0.1', port: 0 })
  t.same(parseAddress('[::1]:9'), { host: '::1', port: 9 })
  t.same(parseAddress(':65535'), { host: '', port: 65535 })
  for (const bad of ['', '9', 'a:b', 'a:65536', '::1:9', '[::1]', 'a b:1']) {
    t.throws(() => parseAddress(bad), RangeError, bad)
  }
  t.end()
})

t.test('each of the other parsers accepts only its own format', t => {
  const port = wholeNumber(1, 9)
  t.equal(port('9'), 9)
  for (const bad of ['0', '10', '1.0', '-1', '', '1e0', 'x', '٣']) {
    t.throws(() => port(bad), /expected a whole number from 1 to 9, got "/)
  }
  for (const yes of ['true', '1', 'YES', 'on']) t.ok(parseBoolean(yes))
  for (const no of ['false', '0', 'No', 'off']) t.notOk(parseBoolean(no))
  t.throws(() => parseBoolean('maybe'), /expected true or false/)
  t.same(listOf(port)(' 1, 2,,3 '), [1, 2, 3])
  t.same(listOf(port)(''), [])
  t.throws(() => listOf(port)('1,x'), RangeError)
  t.equal(urlOf('ws:')('ws://a/b').pathname, '/b')
  t.throws(() => urlOf('ws:', 'wss:')('http://a'), /a URL of ws: or wss:/)
  t.throws(() => urlOf('ws:')('nonsense'), RangeError)
  t.equal(parseCoreId('truenas-1'), 'truenas-1')
  for (const bad of ['', 'a b', 'é', 'x'.repeat(129)]) {
    t.throws(() => parseCoreId(bad), RangeError)
  }
  t.end()
})

t.test('isLoopback() accepts no other host', t => {
  for (const host of ['localhost', '::1', '127.0.0.1', '127.8.9.1']) {
    t.ok(isLoopback(host), host)
  }
  for (const host of ['', '0.0.0.0', '::', '10.0.0.1', '127.evil.example']) {
    t.notOk(isLoopback(host), host)
  }
  t.end()
})
