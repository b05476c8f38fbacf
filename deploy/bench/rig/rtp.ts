/** The RTP packets that the benchmarks send. */
import type { MediaKind } from '../../../media/whep/stream-port.ts'

export interface PacketFormat {
  readonly kind: MediaKind
  readonly payloadType: number
  readonly ssrc: number
}

const HEADER_BYTES = 12
const STAMP_BYTES = 8
/** A usual size of both: a full packet of video, 20 ms of Opus at 72 kbit/s. */
const PACKET_BYTES = { video: 1200, audio: 200 } as const
const CLOCK_KHZ = { video: 90, audio: 48 } as const
/** NAL units of H264: mediasoup takes an SPS for the start of a key frame. */
const SPS = 0x67
const SLICE = 0x41

/**
 * A packet, without its time stamp.
 * @param atMs media time
 */
export function makePacket(
  format: PacketFormat,
  sequence: number,
  atMs: number,
  { isKey, isLast }: { isKey: boolean; isLast: boolean },
): Buffer {
  const { kind, payloadType, ssrc } = format
  const packet = Buffer.alloc(PACKET_BYTES[kind])
  const marker = kind === 'video' && isLast ? 0x80 : 0
  packet.writeUInt8(0x80, 0)
  packet.writeUInt8(marker | payloadType, 1)
  packet.writeUInt16BE(sequence % 2 ** 16, 2)
  packet.writeUInt32BE(Math.round(atMs * CLOCK_KHZ[kind]) % 2 ** 32, 4)
  packet.writeUInt32BE(ssrc, 8)
  packet.writeUInt8(kind === 'video' && isKey ? SPS : SLICE, HEADER_BYTES)
  return packet
}

/** Writes the current time into the end of a packet. */
export function stamp(packet: Buffer): void {
  packet.writeBigUInt64LE(nowNs(), packet.length - STAMP_BYTES)
}

/** Nanoseconds on the clock that all processes of a machine share. */
export function nowNs(): bigint {
  return process.hrtime.bigint()
}

/** Microseconds from the time stamp of a packet to `ns`. */
export function hopUs(packet: Buffer, ns: bigint): number {
  return Number(ns - packet.readBigUInt64LE(packet.length - STAMP_BYTES)) / 1e3
}

/** Whether a datagram is RTP or SRTP: not STUN, DTLS or RTCP (RFC 7983). */
export function isRtp(datagram: Buffer): boolean {
  const [first = 0, second = 0] = datagram
  return first >= 128 && first <= 191 && !(second >= 192 && second <= 223)
}

export function sequenceOf(packet: Buffer): number {
  return packet.readUInt16BE(2)
}
