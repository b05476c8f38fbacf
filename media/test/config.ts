import t from 'tap'
import { problemsOf } from '../../shared/test/fixtures/problems-of.ts'
import { readConfig } from '../config.ts'

function read(env: Record<string, string>) {
  return readConfig({
    env,
    readFile: path => {
      throw new Error(`Cannot read ${path}`)
    },
  })
}

const problems = (env: Record<string, string>) => problemsOf(() => read(env))

t.test('readConfig() without settings has the documented defaults', t => {
  t.match(read({}), {
    address: { host: '', port: 8080 },
    core: 'dragonfork-local',
    apiToken: undefined,
    whepToken: undefined,
    strictEtag: true,
    publicBasePath: '',
    postsPerMinute: 0,
    listenAddresses: ['0.0.0.0'],
    announcedAddresses: [],
    udpMinPort: 40_000,
    udpMaxPort: 40_999,
    tcpMinPort: undefined,
    maxPeersTotal: 200,
    maxPeersPerStream: 50,
    iceTimeoutMs: 10_000,
    iceConsentTimeoutS: 10,
    legTimeoutMs: 3_000,
    legStartTimeoutMs: 20_000,
    shutdownDrainMs: 0,
  })
  t.end()
})

t.test('readConfig() names every bad value at once', t => {
  const names = problems({
    CORE_ADDRESS: 'nowhere',
    CORE_WEBRTC_WHEP_STRICT_ETAG: 'perhaps',
    CORE_WEBRTC_LISTEN_ADDRESSES: 'localhost',
    CORE_WEBRTC_MAX_PEERS_TOTAL: '-1',
    CORE_WEBRTC_ICE_SERVERS: 'stun.example',
    CORE_EXPORTER_URL: 'http://127.0.0.1',
    CORE_FFMPEG_ACCESS_INPUT_ALLOW: '(',
  }).map(problem => problem.split(': expected ')[0])
  t.same(names, [
    'CORE_ADDRESS',
    'CORE_WEBRTC_WHEP_STRICT_ETAG',
    'CORE_FFMPEG_ACCESS_INPUT_ALLOW',
    'CORE_WEBRTC_LISTEN_ADDRESSES',
    'CORE_WEBRTC_MAX_PEERS_TOTAL',
    'CORE_WEBRTC_ICE_SERVERS',
    'CORE_EXPORTER_URL',
  ])
  t.end()
})

t.test('conflicts are named beside bad values', t => {
  t.match(
    problems({
      CORE_ADDRESS: 'nowhere',
      CORE_WEBRTC_UDP_MIN_PORT: '5000',
      CORE_WEBRTC_UDP_MAX_PORT: '4000',
      CORE_WEBRTC_TCP_MIN_PORT: '4000',
      CORE_TLS_KEY_FILE: '/key',
    }),
    [
      /^CORE_ADDRESS: /,
      /^CORE_WEBRTC_UDP_MAX_PORT: expected at least/,
      /^CORE_WEBRTC_TCP_MIN_PORT: expected both/,
      /^CORE_TLS_CERT_FILE: expected to be set/,
      /^CORE_TLS_KEY_FILE: expected a readable file/,
    ],
  )
  t.match(
    problems({
      CORE_WEBRTC_UDP_MIN_PORT: '50000',
      CORE_WEBRTC_UDP_MAX_PORT: 'many',
    }),
    [/^CORE_WEBRTC_UDP_MAX_PORT: expected .*many/],
    'no conflict with the default of a bad value',
  )
  t.end()
})

const BASE_PATHS = {
  '/': '',
  '/live': '/live',
  '/live/': '/live',
  '/a/b-c': '/a/b-c',
  '/apis': '/apis',
} as const

for (const [text, path] of Object.entries(BASE_PATHS)) {
  t.equal(read({ CORE_PUBLIC_BASE_PATH: text }).publicBasePath, path, text)
}

for (const text of ['live', '//live', '/a b', '/../live', '/live/.', '/é']) {
  const [problem] = problems({ CORE_PUBLIC_BASE_PATH: text })
  t.match(problem, /^CORE_PUBLIC_BASE_PATH: expected a path such as/, text)
}

// With the prefix /player, /player/x would be ambiguous.
for (const text of ['/api', '/api/v3', '/player', '/static/', '/ping']) {
  const [problem] = problems({ CORE_PUBLIC_BASE_PATH: text })
  t.match(
    problem,
    /^CORE_PUBLIC_BASE_PATH: .* that this server does not use itself/,
    text,
  )
}

const ORIGINS = {
  '': '*',
  '*': '*',
  'https://example.org': ['https://example.org'],
  'https://example.org/': ['https://example.org'],
  'http://tv.lan:8000, https://a.example': [
    'http://tv.lan:8000',
    'https://a.example',
  ],
} as const

for (const [text, origins] of Object.entries(ORIGINS)) {
  const { allowOrigins } = read({ CORE_WEBRTC_ALLOW_ORIGINS: text })
  t.same(allowOrigins, origins, text)
}

for (const text of [
  'example.org',
  'https://example.org/page',
  'https://*.example.org',
  'ftp://example.org',
  'https://example.org,*',
  'null',
]) {
  const [problem] = problems({ CORE_WEBRTC_ALLOW_ORIGINS: text })
  t.match(
    problem,
    /^CORE_WEBRTC_ALLOW_ORIGINS: expected \* or origins such as/,
    text,
  )
}

for (const name of [
  'CORE_API_TOKEN',
  'CORE_WHEP_TOKEN',
  'CORE_EXPORTER_TOKEN',
]) {
  t.test(`${name} is rejected unless a header can carry it`, t => {
    t.same(problems({ [name]: 'aZ0-._~+/=' }), [])
    for (const text of ['two words', 'schlüssel', 'a\tb']) {
      const [problem = ''] = problems({ [name]: text })
      t.match(problem, `${name}: expected printable ASCII`)
      t.notMatch(problem, text, 'the value is not shown')
    }
    t.end()
  })
}

t.test('readConfig() checks settings that depend on each other', t => {
  t.match(
    problems({
      CORE_WEBRTC_UDP_MIN_PORT: '5000',
      CORE_WEBRTC_UDP_MAX_PORT: '4000',
      CORE_WEBRTC_TCP_MIN_PORT: '5000',
    }),
    [/^CORE_WEBRTC_UDP_MAX_PORT: /, /^CORE_WEBRTC_TCP_MIN_PORT: expected both/],
  )
  t.match(
    problems({
      CORE_WEBRTC_TCP_MIN_PORT: '5000',
      CORE_WEBRTC_TCP_MAX_PORT: '4000',
    }),
    [/^CORE_WEBRTC_TCP_MAX_PORT: expected at least/],
  )
  t.same(problems({ CORE_WEBRTC_LISTEN_ADDRESSES: ',' }).length, 1)
  t.end()
})

t.test('the ICE consent timeout is 0 or in the range of mediasoup', t => {
  const consent = (text: string) => ({
    CORE_WEBRTC_ICE_CONSENT_TIMEOUT_S: text,
  })
  t.equal(read(consent('0')).iceConsentTimeoutS, 0)
  t.equal(read(consent('60')).iceConsentTimeoutS, 60)
  for (const text of ['5', '61', '-1']) {
    t.equal(problems(consent(text)).length, 1, text)
  }
  t.end()
})

const TLS = { CORE_TLS_CERT_FILE: '/cert', CORE_TLS_KEY_FILE: '/key' }

t.test('TLS needs a certificate and its key', t => {
  const [unset] = problems({ CORE_TLS_CERT_FILE: '/cert' })
  t.match(
    unset,
    'CORE_TLS_KEY_FILE: expected to be set, because CORE_TLS_CERT_FILE is',
  )
  t.match(problems(TLS), [
    /^CORE_TLS_CERT_FILE: expected a readable file: /,
    /^CORE_TLS_KEY_FILE: expected a readable file: /,
  ])
  t.equal(read({}).tls, undefined)
  t.end()
})

t.test('CORE_WEBRTC_MUX_PORT rejects what makes no sense with it', t => {
  t.match(read({ CORE_WEBRTC_MUX_PORT: '50000' }), {
    muxPort: 50_000,
    muxTcp: false,
  })
  t.match(problems({ CORE_WEBRTC_MUX_TCP: 'true' }), [
    'CORE_WEBRTC_MUX_TCP: expected false, because CORE_WEBRTC_MUX_PORT',
  ])
  t.match(
    problems({
      CORE_WEBRTC_MUX_PORT: '65535',
      CORE_WEBRTC_WORKERS: '2',
      CORE_WEBRTC_TCP_MIN_PORT: '5000',
      CORE_WEBRTC_TCP_MAX_PORT: '5009',
    }),
    [
      /^CORE_WEBRTC_MUX_PORT: expected a port for each of the 2 workers/,
      /^CORE_WEBRTC_TCP_MIN_PORT: expected to be unset, because/,
    ],
  )
  t.match(problems({ CORE_WEBRTC_MUX_PORT: '0' }), [/^CORE_WEBRTC_MUX_PORT: /])
  t.end()
})

t.test('announced addresses are IP addresses or host names', t => {
  const announced = (text: string) =>
    read({ CORE_WEBRTC_ANNOUNCED_ADDRESSES: text }).announcedAddresses
  const good = [
    '203.0.113.7',
    '2001:db8::7',
    'home.example.org',
    'nas',
    'a-1.b',
  ]
  t.same(announced(good.join(', ')), good)
  for (const text of [
    '1.2.3',
    '-a.example',
    'a..b',
    'http://a.b',
    'a_b',
    'a:1',
  ]) {
    t.match(
      problems({ CORE_WEBRTC_ANNOUNCED_ADDRESSES: text }),
      [/^CORE_WEBRTC_ANNOUNCED_ADDRESSES: expected IP addresses or host names/],
      text,
    )
  }
  t.end()
})
