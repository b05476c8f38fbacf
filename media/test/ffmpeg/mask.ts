import t from 'tap'

import { maskArguments, maskSecrets } from '../../ffmpeg/mask.ts'

t.test('maskSecrets() takes passwords out of addresses', t => {
  for (const [text, masked] of [
    ['rtsp://user:pass@cam/1', 'rtsp://user:***@cam/1'],
    ['rtsp://:pass@cam/1', 'rtsp://:***@cam/1'],
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
    ['rtsp://user@cam/1', 'rtsp://user@cam/1'],
    ['frame=1 passed=2', 'frame=1 passed=2'],
  ] as const) {
    t.equal(maskSecrets(text), masked)
  }
  t.end()
})

t.test('maskArguments() takes out what an option says in secret', t => {
  t.same(
    maskArguments([
      '-headers',
      'Authorization: Basic abc',
      '-i',
      'http://u:p@h',
    ]),
    ['-headers', '***', '-i', 'http://u:***@h'],
  )
  t.end()
})
