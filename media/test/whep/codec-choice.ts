import t from 'tap'
import { chooseCodec } from '../../whep/codec-choice.ts'
import { readOffer } from '../../whep/offer.ts'
import { CHROMIUM, FIREFOX, GSTREAMER, OBS } from './fixtures/offers.ts'

const NONE: ReadonlySet<number> = new Set()

/** The section of `kind` in an offer. */
function sectionOf(offer: string, kind: string) {
  const section = readOffer(offer).sections.find(({ type }) => type === kind)
  if (section === undefined) throw new Error(`No ${kind}`)
  return section
}

const choose = (offer: string, codec: 'h264' | 'vp8' | 'opus') =>
  chooseCodec(
    sectionOf(offer, codec === 'opus' ? 'audio' : 'video'),
    codec,
    NONE,
  )?.offered.payloadType

/** Chromium's offer with these H264 fmtp lines instead of its own. */
const withH264 = (...fmtps: readonly string[]) =>
  CHROMIUM.replace(/^a=(rtpmap|fmtp):(102|108|39) .*\r\n/gm, '').replace(
    'a=mid:0\r\n',
    'a=mid:0\r\n' +
      [102, 108, 39]
        .slice(0, fmtps.length)
        .map(
          (payloadType, i) =>
            `a=rtpmap:${payloadType} H264/90000\r\n` +
            (fmtps[i] ? `a=fmtp:${payloadType} ${fmtps[i]}\r\n` : ''),
        )
        .join(''),
  )
const h264 = (...fmtps: readonly string[]) => choose(withH264(...fmtps), 'h264')

t.test('chooseCodec finds the codec in offers of real players', t => {
  t.equal(choose(CHROMIUM, 'h264'), 108)
  t.equal(choose(CHROMIUM, 'vp8'), 96)
  t.equal(choose(CHROMIUM, 'opus'), 111)
  t.equal(choose(FIREFOX, 'vp8'), 120)
  t.equal(choose(FIREFOX, 'h264'), undefined)
  t.equal(choose(OBS, 'h264'), 96)
  t.equal(choose(GSTREAMER, 'opus'), 96, 'codec names ignore case')
  t.end()
})

t.test('constrained baseline is preferred in any order', t => {
  const best = 'packetization-mode=1;profile-level-id=42e01f'
  for (const other of ['42001f', '4d001f', '640c1f', '58001f']) {
    const fmtp = `packetization-mode=1;profile-level-id=${other}`
    t.equal(h264(fmtp, best), 108, other)
    t.equal(h264(best, fmtp), 102, other)
    t.equal(h264(fmtp), 102, `${other} alone is chosen`)
  }
  const main = 'packetization-mode=1;profile-level-id=4d001f'
  const high = 'packetization-mode=1;profile-level-id=640c1f'
  t.equal(h264(high, main), 108)
  t.end()
})

t.test('H264 without packetization-mode 1 is not chosen', t => {
  t.equal(h264('packetization-mode=0;profile-level-id=42e01f'), undefined)
  t.equal(h264('profile-level-id=42e01f'), undefined)
  t.equal(h264(''), undefined)
  t.equal(h264('packetization-mode=1'), 102, 'the profile has a default')
  t.equal(h264('packetization-mode=1;profile-level-id=zz'), undefined)
  t.equal(h264('Packetization-Mode=1; Profile-Level-Id=42E01F'), 102)
  t.end()
})

t.test('a profile-level-id of digits is read as hexadecimal text', t => {
  const high = 'packetization-mode=1;profile-level-id=640010'
  const baseline = 'packetization-mode=1;profile-level-id=420010'
  const constrained = 'packetization-mode=1;profile-level-id=424010'
  t.equal(h264(high), 102)
  t.equal(h264(high, baseline), 108)
  t.equal(h264(high, baseline, constrained), 39)
  t.end()
})

t.test('rtx is chosen by its apt unless its payload type is taken', t => {
  const section = sectionOf(CHROMIUM, 'video')
  const rtx = (taken: ReadonlySet<number>) =>
    chooseCodec(section, 'h264', taken)?.offered.rtxPayloadType
  t.equal(rtx(NONE), 109)
  t.equal(rtx(new Set([109])), undefined)
  t.equal(
    chooseCodec(section, 'h264', new Set([108]))?.offered.payloadType,
    39,
    'a codec whose payload type is taken is skipped',
  )
  t.end()
})

t.test('payload types that look like RTCP are not chosen', t => {
  const offer = CHROMIUM.replaceAll(/\b111\b/g, '72')
  t.equal(choose(offer, 'opus'), undefined)
  t.end()
})

t.test('rtcp-fb entries for the payload type and for * are read', t => {
  const offer = OBS.replace(
    'a=rtcp-fb:96 nack pli',
    'a=rtcp-fb:* nack pli\r\na=rtcp-fb:97 ccm fir',
  )
  const chosen = chooseCodec(sectionOf(offer, 'video'), 'h264', NONE)
  t.same(chosen?.offered.rtcpFeedback, [
    { type: 'nack' },
    { type: 'nack', parameter: 'pli' },
    { type: 'goog-remb' },
  ])
  t.end()
})
