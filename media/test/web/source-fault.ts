import t from 'tap'
import { sourceFault } from '../../web/source-fault.ts'

/** Logs of FFmpeg 5.1 and 7.1 by the fault. */
const LOGS = {
  'no-answer': [
    ['[error] rtsp://127.0.0.1:1/x: Connection refused'],
    ['[error] rtsp://camera/x: Connection timed out'],
    [
      '[srt @ 0x55] [error] Connection to srt://127.0.0.1:1 failed: Input/output error',
    ],
    [
      '[tcp @ 0x55] [error] Failed to resolve hostname nohost.invalid: Name or service not known',
    ],
    ['[in#0 @ 0x55] [error] Error opening input: No route to host'],
  ],
  login: [
    ['[rtsp @ 0x55] [error] method DESCRIBE failed: 401 Unauthorized'],
    ['[error] http://h/x: Server returned 403 Forbidden (access denied)'],
  ],
  'not-found': [
    ['[error] /nonexist.mp4: No such file or directory'],
    ['[rtsp @ 0x55] [error] method DESCRIBE failed: 404 Not Found'],
    ['[error] http://127.0.0.1/x: Server returned 404 Not Found'],
  ],
} as const

for (const [fault, logs] of Object.entries(LOGS)) {
  t.test(`FFmpeg's words for ${fault} are recognized`, t => {
    for (const lines of logs) {
      t.equal(sourceFault({ lines, running: false }), fault, lines[0])
    }
    t.end()
  })
}

t.test('an input that FFmpeg waits for in vain does not answer', t => {
  const lines = ['[info] ffmpeg version 7.1']
  t.equal(sourceFault({ lines, running: true }), 'no-answer')
  t.equal(sourceFault({ lines, running: false }), undefined)
  t.end()
})

t.test('an opened input is no fault of the source', t => {
  const lines = [
    "[info] Input #0, rtsp, from 'rtsp://camera/x':",
    '[error] Connection refused',
  ]
  t.equal(sourceFault({ lines, running: true }), undefined)
  t.end()
})
