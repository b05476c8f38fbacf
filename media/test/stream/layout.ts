import { ortc } from 'mediasoup'
import t from 'tap'

import {
  layoutKey,
  layoutOf,
  ownLayout,
  routerCodecs,
  serves,
  type Layout,
} from '../../stream/layout.ts'
import { wantedMedia } from '../fixtures/viewer.ts'

const H264_OPUS = { video: 'h264', audio: 'opus' } as const
const OWN = ownLayout(H264_OPUS)

await t.test('layoutOf reads an offer', t => {
  t.same(layoutOf(wantedMedia({ video: 126, rtx: 127, audio: 109 })), {
    video: { payloadType: 126, rtx: 127 },
    audio: { payloadType: 109 },
  })
  t.same(layoutOf(wantedMedia({ audio: 109 })), { audio: { payloadType: 109 } })
  t.end()
})

await t.test('layoutOf drops an rtx that no router can have', t => {
  for (const rtx of [36, 95, 109, 126]) {
    t.same(layoutOf(wantedMedia({ video: 126, rtx, audio: 109 })).video, {
      payloadType: 126,
    })
  }
  t.end()
})

await t.test('the own layout serves Chromium, also a part of it', t => {
  const chromium = { video: { payloadType: 108, rtx: 109 } }
  t.ok(serves(OWN, { ...chromium, audio: { payloadType: 111 } }))
  t.ok(serves(OWN, chromium))
  t.ok(serves(OWN, { video: { payloadType: 108 } }), 'without rtx')
  t.ok(serves(OWN, { audio: { payloadType: 111 } }))
  t.notOk(serves(OWN, { audio: { payloadType: 109 } }))
  t.notOk(serves(OWN, { video: { payloadType: 108, rtx: 110 } }))
  t.notOk(serves(ownLayout({ audio: 'opus' }), chromium))
  t.ok(
    serves(ownLayout({ video: 'vp8' }), {
      video: { payloadType: 96, rtx: 97 },
    }),
  )
  t.end()
})

await t.test('layoutKey tells layouts apart', t => {
  const layouts: readonly Layout[] = [
    OWN,
    { video: { payloadType: 108 } },
    { audio: { payloadType: 108 } },
    { video: { payloadType: 108 }, audio: { payloadType: 109 } },
    { video: { payloadType: 108, rtx: 109 } },
  ]
  t.equal(new Set(layouts.map(layoutKey)).size, layouts.length)
  t.end()
})

// mediasoup's own function, of which the order of rtx types is inferred.
for (let rtx = 96; rtx <= 127; rtx++) {
  if (rtx === 108 || rtx === 111) continue
  await t.test(`a router can have rtx payload type ${rtx}`, t => {
    const layout = {
      video: { payloadType: 108, rtx },
      audio: { payloadType: 111 },
    }
    const { codecs = [] } = ortc.generateRouterRtpCapabilities(
      routerCodecs(H264_OPUS, layout),
    )
    const types = codecs.map(({ mimeType, preferredPayloadType }) => [
      mimeType,
      preferredPayloadType,
    ])
    t.match(
      types.filter(([mimeType]) => mimeType !== 'audio/telephone-event'),
      [
        ['audio/opus', 111],
        ['video/H264', 108],
        ['video/rtx', rtx],
      ],
    )
    t.end()
  })
}
