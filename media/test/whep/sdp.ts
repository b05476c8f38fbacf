/** Text that sdp-transform reads as numbers, or skips. */
import t from 'tap'
import { readFragment } from '../../whep/fragment.ts'
import { readOffer, readTransport } from '../../whep/offer.ts'
import { readSdp, SdpError } from '../../whep/sdp.ts'
import { CHROMIUM, fragmentOf } from './fixtures/offers.ts'
import { WhepServer } from './fixtures/whep-server.ts'

t.test('credentials and mids of digits are read as text', t => {
  const offer = readOffer(
    CHROMIUM.replaceAll('Fj3k', '12345678').replaceAll('hq0uKIy6', '1e21'),
  )
  const [section] = offer.sections
  if (section === undefined) throw new Error('No section')
  t.equal(section.mid, '0')
  t.same(offer.bundle, ['0', '1'])
  t.equal(readTransport(offer, section).ice.ufrag, '12345678')
  const pwd = '1234567890123456789012'
  t.match(readFragment(fragmentOf(CHROMIUM, { ufrag: '007', pwd })), {
    ufrag: '007',
    pwd,
  })
  t.end()
})

const ODD = {
  'a fingerprint of 256': ['a=fingerprint:sha-256', 'a=fingerprint:256', 400],
  'a codec called 96': ['a=rtpmap:96 VP8', 'a=rtpmap:96 96', 201],
  'feedback called 1': ['a=rtcp-fb:108 nack\r', 'a=rtcp-fb:108 1 2\r', 201],
  'an extension 04': ['a=extmap:4 ', 'a=extmap:04 ', 201],
  'an extension called 7': ['urn:3gpp:video-orientation', '7', 201],
  'parameters that are a number': ['minptime=10;useinbandfec=1', '0', 201],
  'a rate that is none': ['opus/48000/2', 'opus/x', 406],
  'no media type': ['m=video 9 ', 'm= 9 ', 400],
  'a media type of 1': ['m=video 9 ', 'm=1 9 ', 201],
} as const

for (const [what, [from, to, code]] of Object.entries(ODD)) {
  t.test(`POST of an offer with ${what} answers ${code}`, async t => {
    const server = await WhepServer.start(t)
    const response = await server.post('av', CHROMIUM.replaceAll(from, to))
    t.equal(response.status, code)
  })
}

t.test('readSdp rejects lines that are not x=... and too many lines', t => {
  t.throws(() => readSdp('v=0\r\nhello\r\n'), SdpError)
  t.throws(() => readSdp('v=0\r\na=x\x00\r\n'), SdpError)
  t.throws(() => readSdp('v=0\r\n' + 'a=x\r\n'.repeat(1_999)), SdpError)
  t.ok(readSdp('v=0\r\n' + 'a=x\r\n'.repeat(1_998)))
  t.end()
})
