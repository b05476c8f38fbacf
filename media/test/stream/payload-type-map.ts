import { ortc } from 'mediasoup'
import t from 'tap'

import {
  canServe,
  ingestMap,
  mapKey,
  offeredMap,
  routerCodecs,
  type PayloadTypeMap,
} from '../../stream/payload-type-map.ts'
import { wantedMedia } from '../fixtures/viewer.ts'

const H264_OPUS = { video: 'h264', audio: 'opus' } as const
const INGEST = ingestMap(H264_OPUS)

await t.test('offeredMap() reads an offer', t => {
  t.same(offeredMap(wantedMedia({ video: 126, rtx: 127, audio: 109 })), {
    video: { payloadType: 126, rtx: 127 },
    audio: { payloadType: 109 },
  })
  t.same(offeredMap(wantedMedia({ audio: 109 })), {
    audio: { payloadType: 109 },
  })
  t.end()
})

await t.test('offeredMap() drops an rtx that mediasoup cannot assign', t => {
  for (const rtx of [36, 95, 109, 126]) {
    t.same(offeredMap(wantedMedia({ video: 126, rtx, audio: 109 })).video, {
      payloadType: 126,
    })
  }
  t.end()
})

await t.test('ingestMap() can serve Chromium with one kind or both', t => {
  const chromium = { video: { payloadType: 108, rtx: 109 } }
  t.ok(canServe(INGEST, { ...chromium, audio: { payloadType: 111 } }))
  t.ok(canServe(INGEST, chromium))
  t.ok(
    canServe(INGEST, { video: { payloadType: 108 } }),
    'an offer without rtx',
  )
  t.ok(canServe(INGEST, { audio: { payloadType: 111 } }))
  t.notOk(canServe(INGEST, { audio: { payloadType: 109 } }))
  t.notOk(canServe(INGEST, { video: { payloadType: 108, rtx: 110 } }))
  t.notOk(canServe(ingestMap({ audio: 'opus' }), chromium))
  t.ok(
    canServe(ingestMap({ video: 'vp8' }), {
      video: { payloadType: 96, rtx: 97 },
    }),
  )
  t.end()
})

await t.test('mapKey() differs for different maps', t => {
  const maps: readonly PayloadTypeMap[] = [
    INGEST,
    { video: { payloadType: 108 } },
    { audio: { payloadType: 108 } },
    { video: { payloadType: 108 }, audio: { payloadType: 109 } },
    { video: { payloadType: 108, rtx: 109 } },
  ]
  t.equal(new Set(maps.map(mapKey)).size, maps.length)
  t.end()
})

// RTX_ORDER is inferred from this function of mediasoup.
for (let rtx = 96; rtx <= 127; rtx++) {
  if (rtx === 108 || rtx === 111) continue
  await t.test(`routerCodecs() makes mediasoup assign ${rtx} to rtx`, t => {
    const map = {
      video: { payloadType: 108, rtx },
      audio: { payloadType: 111 },
    }
    const { codecs = [] } = ortc.generateRouterRtpCapabilities(
      routerCodecs(H264_OPUS, map),
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
