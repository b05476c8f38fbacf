import {
  Audio,
  PeerConnection,
  RtcpReceivingSession,
  Video,
  type Track,
} from 'node-datachannel'
import type { Kind } from './playback.ts'

/** Chromium's payload types: the stream needs no further router for them. */
const PAYLOAD_TYPES = { vp8: 96, h264: 108, opus: 111 } as const

export interface PeerListener {
  /** ICE and DTLS are done. */
  readonly onConnected: () => void
  /** The connection has failed, or the other side has closed it. */
  readonly onEnded: (state: string) => void
  /** RTP and RTCP, decrypted. */
  readonly onPacket: (kind: Kind, packet: Buffer) => void
}

/** A WebRTC peer that offers to receive video and audio. */
export class Peer {
  readonly #connection: PeerConnection
  /** Kept because a garbage-collected track receives nothing. */
  readonly #tracks: readonly Track[]

  constructor({ onConnected, onEnded, onPacket }: PeerListener) {
    // The media process is on a known address: no STUN.
    const connection = new PeerConnection('viewer', {
      iceServers: [],
      enableIceTcp: true,
    })
    this.#connection = connection
    const video = new Video('0', 'RecvOnly')
    video.addVP8Codec(PAYLOAD_TYPES.vp8)
    video.addH264Codec(PAYLOAD_TYPES.h264)
    const audio = new Audio('1', 'RecvOnly')
    audio.addOpusCodec(PAYLOAD_TYPES.opus)
    const addTrack = (kind: Kind, media: Video | Audio) => {
      const track = connection.addTrack(media)
      // libdatachannel delivers no packets to a track without a media handler.
      track.setMediaHandler(new RtcpReceivingSession())
      track.onMessage(packet => {
        onPacket(kind, packet)
      })
      return track
    }
    this.#tracks = [addTrack('video', video), addTrack('audio', audio)]
    connection.onStateChange(state => {
      if (state === 'connected') onConnected()
      if (state === 'failed' || state === 'closed') onEnded(state)
    })
  }

  /** Creates the offer. */
  offer(): Promise<string> {
    return new Promise(resolve => {
      this.#connection.onLocalDescription(resolve)
      this.#connection.setLocalDescription('offer')
    })
  }

  /** @throws {Error} if the answer is not valid SDP */
  accept(answer: string): void {
    this.#connection.setRemoteDescription(answer, 'answer')
  }

  close(): void {
    for (const track of this.#tracks) track.close()
    this.#connection.close()
  }
}
