import fc from 'fast-check'
import t from 'tap'

import { maskOf, maskSecrets } from '../../ffmpeg/mask.ts'
import { splitUrl } from '../fixtures/av-url-split.ts'

t.test('maskSecrets() masks passwords and tokens in addresses', t => {
  for (const [text, masked] of [
    ['rtsp://user:pass@cam/1', 'rtsp://user:***@cam/1'],
    ['rtsp://user:p@ss@cam/1', 'rtsp://user:***@cam/1'],
    ['rtsp://us@er:p:ss@cam/1@2', 'rtsp://us@er:***@cam/1@2'],
    ['rtsp://:pass@cam/1', 'rtsp://:***@cam/1'],
    ['tls+rtmp://u:p@h', 'tls+rtmp://u:***@h'],
    [
      'srt://h:1?mode=caller&passphrase=abc',
      'srt://h:1?mode=caller&passphrase=***',
    ],
    ['http://h/a?TOKEN=abc&x=1', 'http://h/a?TOKEN=***&x=1'],
    ["Error opening 'http://u:p@h': no", "Error opening 'http://u:***@h': no"],
    [
      '[f=rtp]rtp://h:1?key=abc|[f=rtp]rtp://h:2',
      '[f=rtp]rtp://h:1?key=***|[f=rtp]rtp://h:2',
    ],
    ['rtsp://cam:554/1', 'rtsp://cam:554/1'],
    ['rtsp://cam:554/1 a@b', 'rtsp://cam:554/1 a@b'],
    ['rtsp://user@cam/1', 'rtsp://user@cam/1'],
    ['frame=1 passed=2', 'frame=1 passed=2'],
  ] as const) {
    t.equal(maskSecrets(text), masked)
  }
  t.end()
})

t.test('maskOf() masks the secrets in arguments', t => {
  for (const [args, masked] of [
    [
      ['-headers', 'Authorization: Basic abc', '-i', 'http://u:p@h'],
      ['-headers', '***', '-i', 'http://u:***@h'],
    ],
    [['-passphrase', 'x', '-i', 'srt://h:1'], null],
    [
      ['-i', 'rtsp://admin:a b?c&x=1@h/cam'],
      ['-i', 'rtsp://admin:***@h/cam'],
    ],
    [
      ['-i', 'rtsp:admin:a/b@h/cam'],
      ['-i', 'rtsp:admin:***@h/cam'],
    ],
    [
      ['-i', 'crypto:http://u:a/b@h/x'],
      ['-i', 'crypto:http://u:***@h/x'],
    ],
    [
      ['-i', 'concat:http://u:a/b@h/x|http://v:c#d@k/y'],
      ['-i', 'concat:http://u:***@k/y'],
    ],
    [
      ['-i', 'subfile,,start,0,end,0,,:http://u:"q@h/x'],
      ['-i', 'subfile,,start,0,end,0,,:http://u:***@h/x'],
    ],
    [
      ['-f', 'tee', '[f=flv]rtmp://u:a/b@h/x|[f=flv]rtmp://v:c@k/y'],
      ['-f', 'tee', '[f=flv]rtmp://u:***@k/y'],
    ],
    [
      ['-i', 'http://h/a?user=u&password=p#q/r&x=1'],
      ['-i', 'http://h/a?user=u&password=***&x=1'],
    ],
    [
      ['-re', '-i', 'rtsp://cam:554/1', '-map', '0:v', '-vf', 'fps=5'],
      ['-re', '-i', 'rtsp://cam:554/1', '-map', '0:v', '-vf', 'fps=5'],
    ],
  ] as const) {
    const expected = masked ?? args.map(arg => (arg === 'x' ? '***' : arg))
    t.same(maskOf(args).args, expected)
  }
  t.end()
})

t.test('maskOf() masks a secret in all forms that FFmpeg logs', t => {
  const cam = maskOf(['-i', 'rtsp://admin:12/se%20cr@t@cam:554/1'])
  for (const [text, masked] of [
    ['Connection to tcp://admin:12?timeout=0 failed', /tcp:\/\/admin:\*\*\*\?/],
    ['Error: /se%20cr@t@cam:554/1', /^Error: \*\*\*@cam:554\/1$/],
    ['Error: 12/se cr@t', /^Error: \*\*\*$/],
    ['Error: 12%2Fse%20cr%40t', /^Error: \*\*\*$/],
    ['Error: 12%2fse%20cr%40t', /^Error: \*\*\*$/],
    // FFmpeg truncates long lines.
    ['rtsp://admin:12/se%2', /^rtsp:\/\/admin:\*\*\*$/],
  ] as const) {
    t.match(cam.text(text), masked)
  }
  const host = maskOf(['-i', 'rtsp://u:a@b:77/c@cam/1'])
  t.equal(
    host.text('[tcp @ 0x1] Failed to resolve hostname b: no, tcp://b:77?x'),
    '[tcp @ 0x1] Failed to resolve hostname ***: no, tcp://***?x',
  )
  const header = maskOf(['-headers', 'X-Token: s3cret\r\nAccept: a/b'])
  t.equal(header.text('> X-Token: s3cret'), '> ***')
  t.equal(header.text('token s3cret'), 'token ***')
  t.equal(cam.text('Stream #0:0: Data: none'), 'Stream #0:0: Data: none')
  t.end()
})

const SCHEMES = [
  ...['rtsp', 'rtsps', 'rtmp', 'rtmps', 'rtmpte', 'http', 'https', 'srt'],
  ...['ftp', 'sftp', 'icecast', 'mmsh', 'mmst', 'tcp', 'tls', 'udp', 'rtp'],
  ...['gopher', 'rist', 'smb', 'amqp', 'zmq', 'tls+rtmp'],
]
const WRAPPERS = [
  ...['', 'crypto:', 'async:', 'cache:', 'hls+', 'concat:http://h/a|'],
  ...['subfile,,start,0,end,0,,:', '[f=mpegts]', 'http://h/a|'],
]
const BETWEEN = [
  ...['@', '/', '?', '#', ':', '%', ' ', '"', "'", '\\', '[', ']', '{', '}'],
  ...['|', '&', '=', '+', ',', ';', '<', '^', '~', 'é', '密', '\u{1f511}'],
  ...['%40', '%2F', '%2f', '%25', '://', '@:', '/@', '..', '\t'],
]

/** Passwords of words that occur nowhere else, so that a leak is detected. */
const passwords = fc
  .array(
    fc.tuple(
      fc.constantFrom(...BETWEEN, ''),
      fc.nat({ max: 99_999 }).map(number => `zq${number}x`),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map(parts => ({
    password: parts.map(([before, word]) => before + word).join(''),
    words: parts.map(([, word]) => word),
  }))
const addresses = fc.record({
  secret: passwords,
  scheme: fc.constantFrom(...SCHEMES),
  wrapper: fc.constantFrom(...WRAPPERS),
  user: fc.constantFrom('admin', 'ad@min', 'a/b', '', 'u?', 'é'),
  host: fc.constantFrom('cam', '192.0.2.1', '[2001:db8::1]'),
  path: fc.constantFrom('', '/cam', ':554/cam?x=1#y', '/a@2x', '?u=a@b'),
})

t.test('maskOf() leaves no word of a password, however FFmpeg splits it', t => {
  fc.assert(
    fc.property(addresses, ({ secret, scheme, wrapper, user, host, path }) => {
      const { password, words } = secret
      const own = `${scheme}://${user}:${password}@${host}${path}`
      const address = wrapper + own
      const mask = maskOf(['-re', '-i', address, '-c', 'copy'])
      const split = splitUrl(own)
      const lines = [
        `Error opening input file ${address}.`,
        `[in#0 @ 0x1] [error] ${own}: Invalid argument`,
        `Input #0, ${scheme}, from '${address}':`,
        `Connection to tcp://${split.host}:${split.port}?timeout=0 failed`,
        `Failed to resolve hostname ${split.host}: Name not known`,
        `Opening '${scheme}://${split.auth}@${split.host}${split.path}'`,
        `${scheme}://${split.host}:${split.port}${split.path}`,
        `user ${split.auth}, path ${split.path}`,
        `user ${decoded(split.auth)}, path ${decoded(split.path)}`,
        encodeURI(own),
        encodeURIComponent(password),
        own.slice(0, -path.length - host.length - 2),
      ]
      for (const text of [...lines, ...mask.args]) {
        const masked = mask.text(text)
        const leaked = words.filter(word => masked.includes(word))
        if (leaked.length > 0) throw new Error(`${address}\n${text}\n${masked}`)
      }
      // Masking is idempotent.
      t.same(
        mask.args,
        mask.args.map(arg => mask.text(arg)),
      )
    }),
    { numRuns: 2_000 },
  )
  t.end()
})

t.test('maskOf() masks any password in its address', t => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      fc.constantFrom(...SCHEMES),
      (password, scheme) => {
        const address = `${scheme}://admin:${password}@192.0.2.1/cam`
        const { args } = maskOf(['-i', address])
        const masked = args.at(-1)
        const expected = `${scheme}://admin:***@192.0.2.1/cam`
        // If the rest contains the password, that is masked too.
        return (
          masked === expected ||
          (masked?.startsWith(`${scheme}://admin:***`) ?? false) ||
          expected.includes(password)
        )
      },
    ),
    { numRuns: 2_000 },
  )
  t.end()
})

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

t.test('maskOf() handles a long argument in linear time', t => {
  const long = ['x'.repeat(1024 * 1024), 'a.'.repeat(512 * 1024)]
  const { args } = maskOf(long)
  t.same(args, long)
  t.end()
})
