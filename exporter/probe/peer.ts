import {
  Audio,
  PeerConnection,
  RtcpReceivingSession,
  Video,
  type Track,
} from 'node-datachannel'
import type { Kind } from './outcome.ts'

/** Chromium's payload types: the stream needs no further router for them. */
const PAYLOAD_TYPES = {
  vp8: 96,
  vp8Rtx: 97,
  h264: 108,
  h264Rtx: 109,
  opus: 111,
}

export interface PeerListener {
  readonly onIceConnected: () => void
  /** ICE and DTLS are done. */
  readonly onConnected: () => void
  /** The connection has failed, or the other side has closed it. */
  readonly onEnded: (state: string) => void
  /** RTP and RTCP, decrypted. */
  readonly onPacket: (kind: Kind, packet: Buffer) => void
}

/** A WebRTC peer that offers to receive video and audio, as a browser does. */
export class Peer {
  readonly #connection: PeerConnection
  readonly #video: Track
  /** Kept because a garbage-collected track receives nothing. */
  readonly #audio: Track

  constructor(listener: PeerListener) {
    const connection = new PeerConnection('probe', {
      // The media process is on a known address, as for a viewer: no STUN.
      // Over UDP only: ICE over TCP of libdatachannel 0.24 is broken (libjuice
      // writes from two threads without a lock) and would report false faults.
      iceServers: [],
    })
    this.#connection = connection
    const types = PAYLOAD_TYPES
    const video = new Video('0', 'RecvOnly')
    video.addVP8Codec(types.vp8)
    video.addRTXCodec(types.vp8Rtx, types.vp8, 90_000)
    video.addH264Codec(types.h264)
    video.addRTXCodec(types.h264Rtx, types.h264, 90_000)
    const audio = new Audio('1', 'RecvOnly')
    audio.addOpusCodec(types.opus)
    const addTrack = (kind: Kind, media: Video | Audio) => {
      const track = connection.addTrack(media)
      // libdatachannel delivers no packets to a track without a media handler.
      track.setMediaHandler(new RtcpReceivingSession())
      track.onMessage(packet => {
        listener.onPacket(kind, packet)
      })
      return track
    }
    this.#video = addTrack('video', video)
    this.#audio = addTrack('audio', audio)
    connection.onIceStateChange(state => {
      if (state === 'connected' || state === 'completed') {
        listener.onIceConnected()
      }
    })
    connection.onStateChange(state => {
      if (state === 'connected') listener.onConnected()
      if (state === 'failed' || state === 'closed') listener.onEnded(state)
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

  /** Sends a PLI (RFC 4585 section 6.3.1). */
  requestKeyFrame(): void {
    this.#video.requestKeyframe()
  }

  close(): void {
    this.#video.close()
    this.#audio.close()
    this.#connection.close()
  }
}
