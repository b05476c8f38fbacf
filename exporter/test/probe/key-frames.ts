import t from 'tap'
import { KEY_FRAME_FINDERS } from '../../probe/key-frames.ts'

/** Whether a key frame starts in each of the payloads. */
function find(codec: string, payloads: readonly (readonly number[])[]) {
  const startsKeyFrame = KEY_FRAME_FINDERS[codec]?.()
  return payloads.map(payload => startsKeyFrame?.(Buffer.from(payload)))
}

const SPS = [0x67, 0x42]
const PPS = [0x68, 0xce]
const IDR = [0x65, 0x88]
const SLICE = [0x61, 0x9a]

t.test('H264: a key frame is an IDR picture after an SPS and a PPS', t => {
  t.same(find('h264', [SLICE, SPS, PPS, IDR]), [false, false, false, true])
  t.same(find('h264', [IDR, SPS, IDR, PPS, IDR]), [
    ...[false, false, false, false, true],
  ])
  t.end()
})

t.test('H264: a key frame may be in a STAP-A', t => {
  const whole = [
    0x78,
    ...[SPS, PPS, IDR].flatMap(nal => [0, nal.length, ...nal]),
  ]
  t.same(find('h264', [whole]), [true])
  const parameters = [0x78, ...[SPS, PPS].flatMap(nal => [0, 2, ...nal])]
  t.same(find('h264', [parameters, SLICE, IDR]), [false, false, true])
  t.same(find('h264', [[0x78], [0x78, 0, 9], [0x78, 0xff, 0xff, 0x65]]), [
    ...[false, false, false],
  ])
  t.end()
})

t.test('H264: only the first fragment of an IDR picture starts it', t => {
  const fragment = (header: number) => [0x7c, header, 0x88]
  const [, , middle, start, slice] = find('h264', [
    SPS,
    PPS,
    fragment(0x05),
    fragment(0x85),
    fragment(0x81),
  ])
  t.equal(middle, false)
  t.equal(start, true)
  t.equal(slice, false)
  t.end()
})

t.test('VP8: a key frame starts the first partition with P = 0', t => {
  t.same(
    find('vp8', [
      [0x10, 0x50],
      [0x10, 0x51],
    ]),
    [true, false],
  )
  t.same(
    find('vp8', [
      [0x00, 0x50],
      [0x11, 0x50],
    ]),
    [false, false],
    'not the start, another partition',
  )
  t.same(find('vp8', [[], [0x10], [0x90], [0x90, 0x80]]), [
    ...[false, false, false, false],
  ])
  t.end()
})

t.test('VP8: the payload descriptor may be extended', t => {
  const payloads = [
    ...[
      [0x90, 0x80, 0x12],
      [0x90, 0x80, 0x92, 0x34],
    ],
    ...[
      [0x90, 0x40, 0x01],
      [0x90, 0x20, 0x01],
      [0x90, 0x10, 0x01],
    ],
    ...[
      [0x90, 0xf0, 0x92, 0x34, 0x01, 0x01],
      [0x90, 0x00],
    ],
  ]
  for (const descriptor of payloads) {
    const both = [
      [...descriptor, 0x50],
      [...descriptor, 0x51],
    ]
    t.same(find('vp8', both), [true, false], descriptor.toString())
  }
  t.end()
})

t.test('nothing throws, whatever the payload', t => {
  for (let length = 0; length < 6; length++) {
    for (let first = 0; first < 256; first++) {
      const payload = [first, ...Array<number>(length).fill(0xff)]
      for (const codec of Object.keys(KEY_FRAME_FINDERS)) {
        t.doesNotThrow(() => find(codec, [payload]))
      }
    }
  }
  t.end()
})
