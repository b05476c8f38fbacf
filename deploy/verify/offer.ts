import { randomBytes } from 'node:crypto'

/**
 * Creates an SDP offer like a browser's. No peer has its fingerprint, so a
 * session with it can be opened and deleted, but never connects.
 */
export function makeOffer(): string {
  const transport = [
    'c=IN IP4 0.0.0.0',
    'a=rtcp-mux',
    `a=ice-ufrag:${randomBytes(4).toString('hex')}`,
    `a=ice-pwd:${randomBytes(12).toString('hex')}`,
    `a=fingerprint:sha-256 ${fingerprint()}`,
    'a=setup:actpass',
    'a=recvonly',
  ]
  return [
    'v=0',
    `o=- ${randomBytes(6).readUIntBE(0, 6)} 2 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    'a=group:BUNDLE 0 1',
    'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
    ...transport,
    'a=mid:0',
    'a=rtpmap:96 H264/90000',
    'a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
    'a=rtcp-fb:96 nack',
    'a=rtcp-fb:96 nack pli',
    'a=rtpmap:97 VP8/90000',
    'a=rtcp-fb:97 nack',
    'a=rtcp-fb:97 nack pli',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    ...transport,
    'a=mid:1',
    'a=rtpmap:111 opus/48000/2',
    'a=fmtp:111 minptime=10;useinbandfec=1',
    '',
  ].join('\r\n')
}

function fingerprint(): string {
  return [...randomBytes(32)]
    .map(byte => byte.toString(16).padStart(2, '0').toUpperCase())
    .join(':')
}
