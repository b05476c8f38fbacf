import { execFileSync } from 'node:child_process'
import t from 'tap'

import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'

/** The message that rejects these options; undefined: they are accepted. */
function rejection(
  kind: 'video' | 'audio',
  options: unknown,
  codec = kind === 'video' ? 'h264' : 'opus',
): string | undefined {
  try {
    parseWebrtcConfig({ enabled: true, [kind]: { codec, options } })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

await t.test('options of encoders and filters are accepted', t => {
  for (const options of [
    [],
    ['-c:v', 'h264_vaapi', '-vf', 'format=nv12,hwupload'],
    ['-codec', 'libx264', '-preset', 'slow', '-tune:v', 'film'],
    ['-vcodec', 'libopenh264', '-bf', '0', '-profile:v', 'high'],
    ['-b:v', '3M', '-maxrate', '4M', '-g', '50', '-pix_fmt', 'nv12'],
    ['-filter:v', 'hflip', '-qmin', '-1', '-x264-params', 'aq-mode=2'],
    ['-force_key_frames', 'expr:gte(t,n_forced*2)', '-flags', '+cgop'],
  ]) {
    t.equal(rejection('video', options), undefined, options.join(' '))
  }
  t.equal(rejection('video', ['-c:v', 'vp8_vaapi'], 'vp8'), undefined)
  t.equal(
    rejection('audio', [
      ...['-c:a', 'opus', '-strict', '-2', '-ac', '1'],
      ...['-af', 'volume=2', '-fec:a', '1'],
    ]),
    undefined,
  )
  t.same(
    parseWebrtcConfig({
      enabled: true,
      video: { options: ['-g', '50'] },
      audio: { options: ['-ac', '1'] },
    }),
    {
      enabled: true,
      ingest: 'managed',
      video: { codec: 'h264', options: ['-g', '50'] },
      audio: { codec: 'opus', options: ['-ac', '1'] },
    },
  )
  t.end()
})

const TRANSPORT = 'the server sets where and how RTP is sent'
const OUTPUT = 'expected an option: FFmpeg would take it for another output'
const H264 = 'expected an H264 encoder: libx264, libopenh264 or h264_...'

const REJECTED: readonly (readonly [
  kind: 'video' | 'audio',
  options: unknown,
  message: string,
])[] = [
  ['video', '-g 50', ': expected a list of at most 200 items, got "-g 50"'],
  ['video', [7], '[0]: expected text, got 7'],
  ['video', ['-g', '5\0'], '[1]: expected text, got text with a zero byte'],
  ['video', ['-f', 'flv'], `[0]: expected no -f: ${TRANSPORT}`],
  [
    'video',
    ['-payload_type', '96'],
    `[0]: expected no -payload_type: ${TRANSPORT}`,
  ],
  [
    'video',
    ['-payload_type:v', '96'],
    `[0]: expected no -payload_type: ${TRANSPORT}`,
  ],
  ['audio', ['-ac', '2', '-ssrc', '1'], `[2]: expected no -ssrc: ${TRANSPORT}`],
  [
    'video',
    ['-map', '0:v'],
    '[0]: expected no -map: the server selects the stream',
  ],
  ['video', ['-an'], '[0]: expected no -an: the server selects the stream'],
  ['audio', ['-vn'], '[0]: expected no -vn: the server selects the stream'],
  ['video', ['-t', '10'], '[0]: expected no -t: it would end the stream'],
  [
    'video',
    ['-shortest'],
    '[0]: expected no -shortest: it would end the stream',
  ],
  [
    'video',
    ['-copyts'],
    '[0]: expected no -copyts: the server sets the timestamps',
  ],
  [
    'video',
    ['-nocopyts'],
    '[0]: expected no -nocopyts: the server sets the timestamps',
  ],
  [
    'video',
    ['-i', 'x.mp4'],
    '[0]: expected no -i: it belongs to the options of an input',
  ],
  [
    'video',
    ['-hwaccel', 'cuda'],
    '[0]: expected no -hwaccel: it belongs to the options of an input',
  ],
  [
    'video',
    ['-vaapi_device', '/dev/dri/renderD128'],
    '[0]: expected no -vaapi_device: it belongs to the options of the process',
  ],
  [
    'video',
    ['-y'],
    '[0]: expected no -y: it belongs to the options of the process',
  ],
  [
    'video',
    ['-h'],
    '[0]: expected no -h: FFmpeg would print something and exit',
  ],
  [
    'video',
    ['-/vf', 'file'],
    '[0]: expected no -/vf: it reads or writes files',
  ],
  [
    'video',
    ['-filter_complex', '[0:v]hflip'],
    '[0]: expected no -filter_complex: use -vf or -af, with one chain of filters',
  ],
  ['video', ['-r', '25'], '[0]: expected no -r: use webrtc.video.fps'],
  [
    'video',
    ['-s', '640x360'],
    '[0]: expected no -s: use webrtc.video.height, or the filter scale',
  ],
  ['video', ['-g', '50', 'out.mp4'], `[2]: ${OUTPUT}, got "out.mp4"`],
  [
    'video',
    ['rtmp://me:hidden@host/live'],
    `[0]: ${OUTPUT}, got "rtmp://me:***@host/live"`,
  ],
  ['video', ['-'], `[0]: ${OUTPUT}, got "-"`],
  ['video', ['--'], `[0]: ${OUTPUT}, got "--"`],
  ['video', ['', 'x'], `[0]: ${OUTPUT}, got ""`],
  ['video', ['-g'], '[0]: expected a value after -g, got nothing'],
  ['video', ['-c:v', 'libx265'], `[1]: ${H264}, got "libx265"`],
  ['video', ['-c', 'copy'], `[1]: ${H264}, got "copy"`],
  ['video', ['-vcodec', 'mpeg4'], `[1]: ${H264}, got "mpeg4"`],
  ['video', ['-codec:v', 'libvpx'], `[1]: ${H264}, got "libvpx"`],
  [
    'audio',
    ['-c:a', 'aac'],
    '[1]: expected an Opus encoder: libopus or opus, got "aac"',
  ],
  ['video', ['-c:a', 'libopus'], '[0]: expected -c:v, got -c:a'],
  ['video', ['-b:v:1', '1M'], '[0]: expected -b:v, got -b:v:1'],
  [
    'video',
    ['-af', 'volume=2'],
    '[0]: expected no -af: it belongs to webrtc.audio.options',
  ],
  [
    'audio',
    ['-vf', 'hflip'],
    '[0]: expected no -vf: it belongs to webrtc.video.options',
  ],
  ['audio', ['-fec', '1'], '[0]: expected -fec:a, got -fec'],
  ['audio', ['-ac', '6'], '[1]: expected 1 or 2, got "6"'],
  ['video', ['-vf', ' '], '[1]: expected a chain of filters, got " "'],
  [
    'video',
    ['-bf', '2'],
    '[1]: expected 0, as browsers do not play B-frames, got "2"',
  ],
  [
    'video',
    ['-profile:v', 'high10'],
    '[1]: expected a profile with 8-bit 4:2:0, as browsers play nothing else, got "high10"',
  ],
  [
    'video',
    ['-flags', '+global_header'],
    '[1]: expected no global_header, as viewers need it in the stream, got "+global_header"',
  ],
]

for (const [kind, options, message] of REJECTED) {
  await t.test(`${kind} options ${JSON.stringify(options)} are rejected`, t => {
    t.equal(rejection(kind, options), `webrtc.${kind}.options${message}`)
    t.end()
  })
}

await t.test('options are rejected where nothing is encoded', t => {
  for (const codec of ['copy', 'none']) {
    t.equal(
      rejection('video', ['-g', '50'], codec),
      `webrtc.video.options: expected none, as codec ${codec} encodes nothing`,
    )
  }
  t.end()
})

/** FFmpeg's own options that take a value and may be changed. */
const OWN_ACCEPTED = new Set(
  (
    'c codec vcodec acodec q qscale aq b ab profile filter vf af bsf ac ' +
    'sample_fmt pix_fmt force_key_frames bits_per_raw_sample rc_override ' +
    'intra_matrix inter_matrix chroma_intra_matrix vbsf absf'
  ).split(' '),
)

/** The option names in a page of FFmpeg's help. */
function helpNames(...args: readonly string[]): readonly string[] {
  const help = execFileSync('ffmpeg', ['-hide_banner', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return [...help.matchAll(/^ {0,2}-([^\s[]+)/gm)].map(([, name = '']) => name)
}

requireFfmpeg(t)
await t.test('every option of FFmpeg itself is accepted or refused', t => {
  const names = helpNames('-h', 'long')
  t.ok(names.length > 150, `${names.length} options`)
  const isAccepted = (name: string) =>
    !(rejection('video', [`-${name}`, '0']) ?? '').includes(
      `: expected no -`,
    ) ||
    !(rejection('audio', [`-${name}`, '0']) ?? '').includes(`: expected no -`)
  const accepted = names.filter(name => name !== '-help' && isAccepted(name))
  t.same(
    accepted.filter(name => !OWN_ACCEPTED.has(name)),
    [],
  )
  t.end()
})

await t.test("every option of FFmpeg's RTP output is refused", t => {
  const names = ['muxer=rtp', 'protocol=rtp', 'protocol=udp'].flatMap(topic =>
    helpNames('-h', topic),
  )
  t.ok(names.length > 20, `${names.length} options`)
  for (const name of names) {
    const message = rejection('video', [`-${name}`, '0'])
    t.match(message, name === 'fec' ? '-fec:v' : `no -${name}: `)
  }
  t.end()
})
