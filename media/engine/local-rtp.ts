import type { TransportListenInfo } from 'mediasoup/types'

/** Address of FFmpeg and of both ends of a pipe. */
export const LOOPBACK = '127.0.0.1'

/**
 * Receive buffer of a socket for RTP from this machine, bytes. A sender on
 * loopback writes all packets of a key frame at once, more than the kernel's
 * default of some 90 packets; what does not fit is lost for all viewers. Linux
 * silently caps this at `net.core.rmem_max`.
 */
export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** Listen info of a transport for RTP from this machine. */
export function localRtp(port: number): TransportListenInfo {
  return {
    protocol: 'udp',
    ip: LOOPBACK,
    port,
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  }
}
