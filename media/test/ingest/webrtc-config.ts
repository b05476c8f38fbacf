import t from 'tap'

import { parseWebrtcConfig } from '../../ingest/webrtc-config.ts'

const MANAGED = { enabled: true, ingest: 'managed' }
const EXTERNAL = {
  enabled: true,
  ingest: 'external',
  video: { codec: 'vp8', port: 5_004, payload_type: 96 },
  audio: { codec: 'opus', port: 5_006, rtcp_port: 5_009, payload_type: 111 },
}

await t.test('parseWebrtcConfig() returns disabled for an absent object', t => {
  for (const raw of [undefined, null, {}, { enabled: false, video: 7 }]) {
    t.same(parseWebrtcConfig(raw), { enabled: false })
  }
  t.end()
})

await t.test('parseWebrtcConfig() fills in defaults', t => {
  t.same(parseWebrtcConfig({ enabled: true }), {
    ...MANAGED,
    video: { codec: 'h264' },
    audio: { codec: 'opus' },
  })
  t.same(
    parseWebrtcConfig({
      enabled: true,
      video: {
        bitrate_kbit: 800,
        fps: 25,
        height: 720,
        key_frame_seconds: 0.25,
      },
      audio: 'copy',
    }),
    {
      ...MANAGED,
      video: {
        codec: 'h264',
        bitrate_kbit: 800,
        fps: 25,
        height: 720,
        key_frame_seconds: 0.25,
      },
      audio: { codec: 'copy' },
    },
    'a string is short for a codec',
  )
  t.end()
})

await t.test('parseWebrtcConfig() reads on_demand', t => {
  const read = (raw: object) => {
    const config = parseWebrtcConfig({ enabled: true, ...raw })
    if (!config.enabled || config.ingest !== 'managed') return {}
    const { on_demand, idle_seconds } = config
    return { on_demand, idle_seconds }
  }
  const absent = { on_demand: undefined, idle_seconds: undefined }
  t.same(read({}), absent)
  t.same(read({ on_demand: true }), { on_demand: true, idle_seconds: 30 })
  t.same(read({ on_demand: true, idle_seconds: 0 }), {
    on_demand: true,
    idle_seconds: 0,
  })
  t.same(
    read({ on_demand: false, idle_seconds: 5 }),
    { ...absent, on_demand: false },
    'an update may leave idle_seconds behind',
  )
  const refused = {
    'webrtc.on_demand: expected true or false, got "yes"': {
      on_demand: 'yes',
    },
    'webrtc.idle_seconds: expected a whole number from 0 to 86400, got -1': {
      on_demand: true,
      idle_seconds: -1,
    },
    'webrtc.idle_seconds: expected none, as webrtc.on_demand is not true': {
      idle_seconds: 30,
    },
    'webrtc.on_demand: expected false, as webrtc.ingest is external: this server cannot start the sender, got true':
      { ...EXTERNAL, on_demand: true },
  }
  for (const [message, raw] of Object.entries(refused)) {
    t.throws(() => read(raw), { message })
  }
  t.end()
})

await t.test('parseWebrtcConfig() reads external legs', t => {
  t.same(parseWebrtcConfig(EXTERNAL), {
    ...EXTERNAL,
    listen: '127.0.0.1',
    video: { ...EXTERNAL.video, rtcp_port: 5_005 },
  })
  t.match(
    parseWebrtcConfig({ ...EXTERNAL, audio: undefined, listen: '::1' }),
    { listen: '::1', audio: { codec: 'none' } },
    'an absent leg is none',
  )
  t.match(
    parseWebrtcConfig({
      ...EXTERNAL,
      video: { codec: 'h264', port: 5_004 },
      audio: { codec: 'opus', port: 5_006 },
    }),
    { video: { payload_type: 96 }, audio: { payload_type: 97 } },
    "payload types default to FFmpeg's",
  )
  t.end()
})

const REJECTED: readonly (readonly [raw: unknown, message: string])[] = [
  [7, 'webrtc: expected an object, got 7'],
  [[], 'webrtc: expected an object, got a list'],
  [{ enabled: 'yes' }, 'webrtc.enabled: expected true or false, got "yes"'],
  [
    { enabled: true, ingest: 'rtmp' },
    'webrtc.ingest: expected one of managed, external, got "rtmp"',
  ],
  [
    { enabled: true, video: 'av1' },
    'webrtc.video.codec: expected one of h264, vp8, copy, none, got "av1"',
  ],
  [
    { enabled: true, video: null, audio: { codec: 'aac' } },
    'webrtc.audio.codec: expected one of opus, copy, none, got "aac"',
  ],
  [
    { enabled: true, video: { height: 15 } },
    'webrtc.video.height: expected a whole number from 16 to 8640, got 15',
  ],
  [
    { enabled: true, video: { key_frame_seconds: 0.2 } },
    'webrtc.video.key_frame_seconds: expected a number from 0.25 to 10, got 0.2',
  ],
  [
    { enabled: true, video: { fps: 0 } },
    'webrtc.video.fps: expected a whole number from 1 to 240, got 0',
  ],
  [
    { enabled: true, audio: { bitrate_kbit: 1.5 } },
    'webrtc.audio.bitrate_kbit: expected a whole number from 6 to 510, got 1.5',
  ],
  [
    { enabled: true, video: 'none', audio: 'none' },
    'webrtc.audio.codec: expected opus or copy where webrtc.video.codec is ' +
      'none, got none',
  ],
  [
    { ...EXTERNAL, listen: 'localhost' },
    'webrtc.listen: expected an IP address, got "localhost"',
  ],
  [
    { ...EXTERNAL, video: { codec: 'h264', port: 0, payload_type: 96 } },
    'webrtc.video.port: expected a whole number from 1 to 65535, got 0',
  ],
  [
    { ...EXTERNAL, video: { codec: 'h264', port: 65_535, payload_type: 96 } },
    'webrtc.video.rtcp_port: expected a whole number from 1 to 65535, ' +
      'got 65536',
  ],
  [
    {
      ...EXTERNAL,
      video: { codec: 'h264', port: 5_000, payload_type: 128 },
    },
    'webrtc.video.payload_type: expected a whole number from 0 to 127, ' +
      'got 128',
  ],
  [
    { ...EXTERNAL, video: { codec: 'copy', port: 5_000, payload_type: 96 } },
    'webrtc.video.codec: expected one of h264, vp8, none, got "copy"',
  ],
  [
    { ...EXTERNAL, video: { ...EXTERNAL.video, port: 5_006 } },
    'webrtc.video.port: expected four different ports for video and audio, ' +
      'got 5006 twice',
  ],
  [
    { enabled: true, ingest: 'external' },
    'webrtc.audio.codec: expected opus where webrtc.video.codec is none, ' +
      'got none',
  ],
]

for (const [raw, message] of REJECTED) {
  await t.test(`parseWebrtcConfig() rejects ${JSON.stringify(raw)}`, t => {
    t.throws(() => parseWebrtcConfig(raw), { name: 'RangeError', message })
    t.end()
  })
}
