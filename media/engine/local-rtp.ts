import type { TransportListenInfo } from 'mediasoup/types'

/** Where FFmpeg and the ends of our pipes are. */
export const LOOPBACK = '127.0.0.1'

/**
 * What a socket that takes RTP from this machine asks the kernel to hold. A
 * sender on loopback writes all packets of a key frame at once, more than the
 * kernel's default of some 90 packets, and what does not fit is lost to all
 * viewers. Linux gives no more than `net.core.rmem_max`, and tells nobody.
 */
export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** Where a transport takes RTP from this machine. */
export function localRtp(port: number): TransportListenInfo {
  return {
    protocol: 'udp',
    ip: LOOPBACK,
    port,
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  }
}
