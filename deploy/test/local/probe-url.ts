import t from 'tap'
import { probeUrl } from '../../local/run/probe-url.ts'

const CASES: readonly (readonly [
  NodeJS.ProcessEnv,
  string | undefined,
  string,
])[] = [
  [{}, 'http://127.0.0.1:8080', 'the defaults'],
  [{ CORE_ADDRESS: '' }, 'http://127.0.0.1:8080', 'an empty address'],
  [{ CORE_ADDRESS: '0.0.0.0:80' }, 'http://127.0.0.1:80', 'all addresses'],
  [{ CORE_ADDRESS: '[::1]:80' }, 'http://[::1]:80', 'IPv6 loopback'],
  [
    { CORE_PUBLIC_BASE_PATH: '/live' },
    'http://127.0.0.1:8080/live',
    'a base path',
  ],
  [{ CORE_ADDRESS: '127.0.0.1:0' }, undefined, 'a port that is not known'],
  [{ CORE_ADDRESS: '192.0.2.1:80' }, undefined, 'an address of a network'],
  [{ CORE_ADDRESS: 'nowhere' }, undefined, 'a bad address'],
]

for (const [env, expected, what] of CASES) {
  t.test(`npm start probes ${expected ?? 'nothing'} for ${what}`, t => {
    t.equal(probeUrl(env), expected)
    t.end()
  })
}
