import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { problemsOf } from '../../shared/test/fixtures/problems-of.ts'
import { readConfig } from '../config.ts'

const FIXTURES = join(
  import.meta.dirname,
  '..',
  '..',
  'shared',
  'test',
  'fixtures',
)

function read(env: Record<string, string>) {
  return readConfig({ env, readFile: path => readFileSync(path, 'utf8') })
}

const problems = (env: Record<string, string>) => problemsOf(() => read(env))

t.test('defaults are loopback, memory only and no password', t => {
  t.match(read({}), {
    address: { host: '127.0.0.1', port: 9464 },
    ingestAddress: { host: '127.0.0.1', port: 9465 },
    ingestToken: undefined,
    stateFile: undefined,
    probeUrl: undefined,
    basicAuth: undefined,
    tls: undefined,
    maxStreams: 200,
    core: 'dragonfork-local',
  })
  t.end()
})

t.test('an ingest address beyond loopback requires a token', t => {
  for (const address of ['0.0.0.0:9465', ':9465', '[::]:9465', 'host:0']) {
    const env = { EXPORTER_INGEST_ADDRESS: address }
    t.match(problems(env), [/^EXPORTER_INGEST_TOKEN: expected to be set/])
    t.same(problems({ ...env, EXPORTER_INGEST_TOKEN: 'x' }), [])
  }
  for (const address of ['127.0.0.1:1', '127.3.2.1:1', '[::1]:1']) {
    t.same(problems({ EXPORTER_INGEST_ADDRESS: address }), [])
  }
  t.end()
})

t.test('EXPORTER_PROBE_URL is an HTTP base URL', t => {
  for (const url of ['http://box:8080', 'https://box/live', 'http://[::1]/']) {
    t.equal(read({ EXPORTER_PROBE_URL: url }).probeUrl?.href, new URL(url).href)
  }
  for (const url of [
    'box:8080',
    'ws://box',
    'http://',
    'http://user@box',
    'http://:word@box',
    'http://box/?stream=cam',
    'http://box/#cam',
  ]) {
    const [problem = ''] = problems({ EXPORTER_PROBE_URL: url })
    t.match(problem, /^EXPORTER_PROBE_URL: expected a URL /, url)
  }
  t.end()
})

t.test('secrets can be read from files', t => {
  const folder = t.testdir({ password: ' hush\n', token: 'sesame\n', no: '' })
  const config = read({
    EXPORTER_BASIC_AUTH_USER: 'prom',
    EXPORTER_BASIC_AUTH_PASSWORD_FILE: join(folder, 'password'),
    EXPORTER_INGEST_TOKEN_FILE: join(folder, 'token'),
  })
  t.same(config.basicAuth, { user: 'prom', password: 'hush' })
  t.equal(config.ingestToken, 'sesame')
  const path = join(folder, 'none')
  t.match(problems({ EXPORTER_INGEST_TOKEN_FILE: path }), [
    /^EXPORTER_INGEST_TOKEN: expected EXPORTER_INGEST_TOKEN_FILE to name a rea/,
  ])
  t.end()
})

t.test(
  'user and password, and certificate and key, must be set together',
  t => {
    t.match(problems({ EXPORTER_BASIC_AUTH_USER: 'prom' }), [
      /^EXPORTER_BASIC_AUTH_PASSWORD: expected to be set, because EXPORTER_BAS/,
    ])
    t.match(problems({ EXPORTER_BASIC_AUTH_PASSWORD: 'hush' }), [
      /^EXPORTER_BASIC_AUTH_USER: expected to be set, because EXPORTER_BASIC_A/,
    ])
    const cert = join(FIXTURES, 'tls-first.cert.pem')
    t.match(problems({ EXPORTER_TLS_CERT_FILE: cert }), [
      /^EXPORTER_TLS_KEY_FILE: expected to be set, because EXPORTER_TLS_CERT/,
    ])
    t.end()
  },
)

t.test('certificate and key must be readable and match', t => {
  const pem = (name: string) => join(FIXTURES, `tls-${name}.pem`)
  const env = (cert: string, key: string) => ({
    EXPORTER_TLS_CERT_FILE: pem(cert),
    EXPORTER_TLS_KEY_FILE: pem(key),
  })
  t.ok(read(env('first.cert', 'first.key')).tls)
  t.match(problems(env('first.cert', 'second.key')), [
    /^EXPORTER_TLS_CERT_FILE: expected a PEM certificate that belongs to /,
  ])
  t.match(problems(env('none', 'nothing')), [
    /^EXPORTER_TLS_CERT_FILE: expected a readable file: .*ENOENT/,
    /^EXPORTER_TLS_KEY_FILE: expected a readable file: .*ENOENT/,
  ])
  t.end()
})

t.test('readConfig() names every bad value at once', t => {
  const named = problems({
    EXPORTER_ADDRESS: 'nine',
    EXPORTER_INGEST_ADDRESS: '127.0.0.1:99999',
    EXPORTER_INGEST_TOKEN: 'two words',
    EXPORTER_BASIC_AUTH_USER: 'a:b',
    EXPORTER_MAX_STREAMS: '0',
    CORE_ID: 'two words',
  })
  t.match(named, [
    /^EXPORTER_ADDRESS: expected host:port .* got "nine"$/,
    /^EXPORTER_INGEST_ADDRESS: expected host:port with a port from 0 to 65535/,
    /^EXPORTER_INGEST_TOKEN: expected printable ASCII/,
    /^EXPORTER_BASIC_AUTH_USER: expected a name without a colon$/,
    /^EXPORTER_MAX_STREAMS: expected a whole number from 1 to 5000, got "0"$/,
    /^CORE_ID: expected 1 to 128 printable ASCII/,
  ])
  t.equal(named.length, 6)
  t.end()
})
