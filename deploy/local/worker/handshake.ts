/**
 * Proves a mediasoup worker: an RTP packet sent into it must reach a
 * libdatachannel viewer through ICE, a real DTLS handshake and SRTP.
 * `createWorker()` alone proves nothing: a worker built against an OpenSSL
 * with kernel TLS starts, and dies at its first ServerHello.
 *
 * Usage: node handshake.ts <path of the worker>
 *
 * Exit code 0: proven. 1: not proven, with the reason on stderr. The caller
 * needs a timeout: a worker of another version never answers `createWorker()`.
 */

import { reasonOf } from '../../../shared/runtime/errors.ts'
import { createWorker } from 'mediasoup'
import type { Producer, Router, WebRtcTransport } from 'mediasoup/types'
import {
  Audio,
  cleanup,
  PeerConnection,
  RtcpReceivingSession,
} from 'node-datachannel'

const OPUS = { payloadType: 111, clockRate: 48_000, channels: 2 }
const LOOPBACK = '127.0.0.1'
const PACKET_INTERVAL_MS = 20

/** Resolves once a viewer has received a packet through the worker. */
async function prove(workerBin: string): Promise<void> {
  const worker = await createWorker({ workerBin, logLevel: 'none' })
  try {
    const died = new Promise<never>((_resolve, reject) => {
      worker.on('died', error => {
        reject(new Error(`The worker died: ${error.message}`))
      })
    })
    // A worker that dies early fails the calls below first.
    died.catch(() => undefined)
    const router = await worker.createRouter({
      mediaCodecs: [{ kind: 'audio', mimeType: 'audio/opus', ...OPUS }],
    })
    await play(router, died)
  } finally {
    worker.close()
    cleanup()
  }
}

/** Sends audio into the router until a viewer gets it or the worker dies. */
async function play(router: Router, died: Promise<never>): Promise<void> {
  const source = await router.createDirectTransport()
  const producer = await source.produce({
    kind: 'audio',
    rtpParameters: {
      codecs: [{ mimeType: 'audio/opus', ...OPUS }],
      encodings: [{ ssrc: 1111 }],
    },
  })
  const transport = await router.createWebRtcTransport({
    listenInfos: [{ protocol: 'udp', ip: LOOPBACK }],
  })
  const consumer = await transport.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  })

  const viewer = new PeerConnection('proof', {
    iceServers: [],
    bindAddress: LOOPBACK,
  })
  let sending: NodeJS.Timeout | undefined
  try {
    const offered = new Promise<string>(resolve => {
      viewer.onLocalDescription(resolve)
    })
    const media = new Audio('0', 'RecvOnly')
    media.addOpusCodec(OPUS.payloadType)
    const track = viewer.addTrack(media)
    // libdatachannel delivers no packets to a track without a media handler.
    track.setMediaHandler(new RtcpReceivingSession())
    const received = new Promise<void>(resolve => {
      track.onMessage(() => {
        resolve()
      })
    })
    viewer.setLocalDescription('offer')
    const value = /^a=fingerprint:sha-256 (.+)$/m.exec(await offered)?.[1]
    if (value === undefined) {
      throw new Error('The viewer offered no sha-256 fingerprint')
    }
    await transport.connect({
      dtlsParameters: {
        role: 'client',
        fingerprints: [{ algorithm: 'sha-256', value: value.trim() }],
      },
    })
    const ssrc = consumer.rtpParameters.encodings?.[0]?.ssrc ?? 0
    viewer.setRemoteDescription(answer(transport, ssrc), 'answer')
    sending = sendSilence(producer)
    await Promise.race([received, died])
  } finally {
    clearInterval(sending)
    viewer.close()
  }
}

/** The worker's answer. It is passive, so that it sends the ServerHello. */
function answer(transport: WebRtcTransport, ssrc: number): string {
  const { iceParameters: ice, dtlsParameters: dtls } = transport
  const sha256 = dtls.fingerprints.find(f => f.algorithm === 'sha-256')
  const pt = String(OPUS.payloadType)
  return [
    'v=0',
    `o=- 1 1 IN IP4 ${LOOPBACK}`,
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'a=ice-lite',
    `m=audio 9 UDP/TLS/RTP/SAVPF ${pt}`,
    `c=IN IP4 ${LOOPBACK}`,
    'a=mid:0',
    'a=sendonly',
    'a=rtcp-mux',
    `a=rtpmap:${pt} opus/${OPUS.clockRate}/${OPUS.channels}`,
    `a=ssrc:${ssrc} cname:proof`,
    'a=setup:passive',
    `a=fingerprint:sha-256 ${sha256?.value ?? ''}`,
    `a=ice-ufrag:${ice.usernameFragment}`,
    `a=ice-pwd:${ice.password}`,
    ...transport.iceCandidates.map(
      c =>
        `a=candidate:${c.foundation} 1 udp ${c.priority} ` +
        `${c.address} ${c.port} typ host`,
    ),
    'a=end-of-candidates',
    '',
  ].join('\r\n')
}

/** Sends Opus packets of silence: those before the handshake are lost. */
function sendSilence(producer: Producer): NodeJS.Timeout {
  let sequence = 0
  return setInterval(() => {
    sequence++
    const packet = Buffer.alloc(15)
    packet.writeUInt8(0x80, 0)
    packet.writeUInt8(OPUS.payloadType, 1)
    packet.writeUInt16BE(sequence & 0xffff, 2)
    packet.writeUInt32BE(sequence * 960, 4)
    packet.writeUInt32BE(1111, 8)
    packet.set([0xf8, 0xff, 0xfe], 12)
    producer.send(packet)
  }, PACKET_INTERVAL_MS)
}

try {
  const [workerBin] = process.argv.slice(2)
  if (workerBin === undefined) {
    throw new Error('Cannot prove a worker: no path given')
  }
  await prove(workerBin)
} catch (error) {
  const reason = reasonOf(error)
  process.stderr.write(`${reason}\n`)
  process.exitCode = 1
}
