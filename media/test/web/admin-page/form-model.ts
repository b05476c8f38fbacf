/** The form of the operator's page and a process configuration. */
import t from 'tap'
import { parseProcessConfig } from '../../../process/config.ts'
import { parseWebrtcConfig } from '../../../ingest/webrtc-config.ts'
import {
  configOf,
  NEW_STREAM,
  valuesOf,
  whyOnlyJson,
} from '../../../web/static/admin/form-model.js'

const RULES = {
  inputAllow: [],
  inputBlock: [],
  parseWebrtc: parseWebrtcConfig,
  newId: () => 'in',
}

/** A configuration with keys that the form has no field for. */
const CAMERA = {
  id: 'door',
  reference: 'front',
  input: [
    {
      id: 'main',
      address: 'rtsp://camera.lan/1',
      options: ['-fflags', 'nobuffer', '-rtsp_transport', 'udp', '-an'],
    },
    { id: 'second', address: '/media/tone.wav', options: [] },
  ],
  output: [{ id: 'out', address: '/tmp/out.mkv', options: ['-c', 'copy'] }],
  options: ['-loglevel', 'info'],
  reconnect: false,
  reconnect_delay_seconds: 15,
  limits: { cpu_usage: 50, memory_mbytes: 512, waitfor_seconds: 3 },
  vendor: { note: 'kept' },
  webrtc: {
    enabled: true,
    ingest: 'managed',
    video: { codec: 'h264', bitrate_kbit: 900, fps: 12, key_frame_seconds: 2 },
    audio: { codec: 'opus', bitrate_kbit: 48 },
    latency: 'low',
  },
}

t.test('saving a form without changes keeps every key and value', t => {
  t.strictSame(configOf(valuesOf(CAMERA), CAMERA), CAMERA)
  t.end()
})

t.test('a changed field changes only its own key', t => {
  const values = { ...valuesOf(CAMERA), transport: 'tcp', height: '480' }
  const config = configOf(values, CAMERA)
  const [first, second] = CAMERA.input
  const options = ['-fflags', 'nobuffer', '-rtsp_transport', 'tcp', '-an']
  t.strictSame(config, {
    ...CAMERA,
    input: [{ ...first, options }, second],
    webrtc: {
      ...CAMERA.webrtc,
      video: { ...CAMERA.webrtc.video, height: 480 },
    },
  })
  t.end()
})

t.test('an emptied field removes its key', t => {
  const config = configOf({ ...valuesOf(CAMERA), bitrate: ' ' }, CAMERA)
  const video = { codec: 'h264', fps: 12, key_frame_seconds: 2 }
  t.strictSame(config, { ...CAMERA, webrtc: { ...CAMERA.webrtc, video } })
  t.end()
})

t.test('the short form of a codec is understood', t => {
  const config = { id: 'a', input: [], webrtc: { video: 'vp8', audio: 'none' } }
  const { videoCodec, audioCodec } = valuesOf(config)
  t.same([videoCodec, audioCodec], ['vp8', 'none'])
  t.end()
})

const ADDRESSES = {
  rtsp: 'rtsps://camera/1',
  rtmp: 'rtmp://server/app/key',
  srt: 'srt://server:9000?mode=caller',
  http: 'https://server/index.m3u8',
  file: '/media/clip.mp4',
  test: '',
  other: 'udp://127.0.0.1:5000',
} as const

for (const [name, address] of Object.entries(ADDRESSES)) {
  t.test(`the server accepts a new stream of kind ${name}`, t => {
    const kind = name as keyof typeof ADDRESSES
    const values = { ...NEW_STREAM, id: 'new', kind, address }
    const raw = configOf(values, {})
    const config = parseProcessConfig(raw, RULES)
    t.equal(config.webrtc.enabled, true)
    t.equal(config.reconnect_delay_seconds, 5)
    const again = valuesOf(raw)
    t.equal(again.kind, kind)
    t.strictSame(configOf(again, raw), raw)
    t.end()
  })
}

t.test('another kind of source drops the options of the last one', t => {
  const file = configOf({ ...NEW_STREAM, kind: 'file', address: '/a.mp4' }, {})
  t.match(file, { input: [{ options: ['-stream_loop', '-1'] }] })
  const camera = configOf(
    { ...valuesOf(file), kind: 'rtsp', address: 'rtsp://c', transport: 'tcp' },
    file,
  )
  t.match(camera, { input: [{ options: ['-rtsp_transport', 'tcp'] }] })
  const picture = configOf({ ...valuesOf(camera), kind: 'test' }, camera)
  t.match(picture, { input: [{ options: ['-re', '-f', 'lavfi'] }] })
  const page = configOf(
    { ...valuesOf(picture), kind: 'http', address: 'http://h' },
    picture,
  )
  t.strictSame(page['input'], [{ address: 'http://h', options: [] }])
  t.end()
})

t.test('a number of loops stays until the loop is turned off', t => {
  const input = [{ address: '/a.mp4', options: ['-stream_loop', '3'] }]
  const config = { ...CAMERA, input }
  const values = valuesOf(config)
  t.equal(values.loop, true)
  t.strictSame(configOf(values, config)['input'], input)
  const once = configOf({ ...values, loop: false }, config)
  t.strictSame(once['input'], [{ address: '/a.mp4', options: [] }])
  t.end()
})

t.test('a number with a typing error reaches the API as typed', t => {
  const config = configOf({ ...NEW_STREAM, bitrate: '1k5', delay: '0x' }, {})
  t.match(config, {
    reconnect_delay_seconds: '0x',
    webrtc: { video: { bitrate_kbit: '1k5' } },
  })
  t.end()
})

t.test('on demand is written only if it is used', t => {
  const values = { ...NEW_STREAM, idle: '60' }
  const never = configOf(values, {})
  t.notOk('idle_seconds' in (never['webrtc'] as object))
  const asked = configOf({ ...values, onDemand: true }, {})
  t.match(asked, { webrtc: { on_demand: true, idle_seconds: 60 } })
  t.equal(valuesOf(asked).idle, '60')
  const over = configOf({ ...valuesOf(asked), onDemand: false }, asked)
  t.match(over, { webrtc: { on_demand: false } })
  t.end()
})

t.test('an external stream can only be edited as JSON', t => {
  const webrtc = { enabled: true, ingest: 'external' }
  t.match(whyOnlyJson({ id: 'studio', webrtc }), /external sender/)
  t.equal(whyOnlyJson(CAMERA), undefined)
  t.end()
})
