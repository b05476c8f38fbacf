/** Reads and writes the header of RTP packets (RFC 3550 section 5.1). */

const HEADER_BYTES = 12
const VERSION = 2
/**
 * RTCP packet types, 200 to 207, read as RTP payload types: both may arrive on
 * one port (RFC 5761 section 4).
 */
const RTCP_TYPES = { first: 72, last: 79 } as const

export interface RtpHeader {
  readonly payloadType: number
  readonly sequence: number
  readonly timestamp: number
  readonly ssrc: number
}

/** Returns the header; undefined: not an RTP packet. */
export function readRtpHeader(packet: Buffer): RtpHeader | undefined {
  if (packet.length < HEADER_BYTES) return undefined
  if (packet.readUInt8(0) >> 6 !== VERSION) return undefined
  const payloadType = packet.readUInt8(1) & 0x7f
  const { first, last } = RTCP_TYPES
  if (payloadType >= first && payloadType <= last) return undefined
  return {
    payloadType,
    sequence: packet.readUInt16BE(2),
    timestamp: packet.readUInt32BE(4),
    ssrc: packet.readUInt32BE(8),
  }
}

/** Overwrites the header fields in place. */
export function writeRtpHeader(
  packet: Buffer,
  { sequence, timestamp, ssrc }: Omit<RtpHeader, 'payloadType'>,
): void {
  packet.writeUInt16BE(sequence, 2)
  packet.writeUInt32BE(timestamp, 4)
  packet.writeUInt32BE(ssrc, 8)
}

/** Returns the payload of an RTP packet, including any padding. */
export function rtpPayload(packet: Buffer): Buffer {
  return packet.subarray(rtpPayloadAt(packet))
}

/** Returns where the payload of an RTP packet starts, bytes. */
export function rtpPayloadAt(packet: Buffer): number {
  const first = packet.readUInt8(0)
  const at = HEADER_BYTES + 4 * (first & 0x0f)
  const isExtended = (first & 0x10) !== 0 && packet.length >= at + 4
  const extension = isExtended ? 4 + 4 * packet.readUInt16BE(at + 2) : 0
  return at + extension
}
