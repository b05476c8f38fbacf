/**
 * Reads the parts of an H264 sequence parameter set (ITU-T H.264, section
 * 7.3.2.1.1) that decide whether browsers can decode the video.
 */

/** Sample format of the pictures. */
export interface PictureFormat {
  /** 0: grey, 1: 4:2:0, 2: 4:2:2, 3: 4:4:4. */
  readonly chroma: number
  /** Bit depth, the larger of luma's and chroma's. */
  readonly bits: number
}

/** Profiles whose SPS has the format; all others are 8-bit 4:2:0. */
const WITH_FORMAT = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
])
const EIGHT_BIT_420: PictureFormat = { chroma: 1, bits: 8 }

/**
 * Returns the format in an SPS; undefined: it is truncated.
 * @param nal with its header
 */
export function readPictureFormat(nal: Buffer): PictureFormat | undefined {
  if (nal.length < 5) return undefined
  if (!WITH_FORMAT.has(nal.readUInt8(1))) return EIGHT_BIT_420
  // After the header, profile, constraints and level, one byte each.
  const bits = new BitReader(withoutEmulation(nal.subarray(4)))
  bits.golomb() // seq_parameter_set_id
  const chroma = bits.golomb()
  if (chroma === 3) bits.bit() // separate_colour_plane_flag
  const luma = bits.golomb()
  const depth = Math.max(luma, bits.golomb())
  return bits.isOver ? undefined : { chroma, bits: 8 + depth }
}

/** Section 7.4.1: removes the emulation prevention byte from 0 0 3. */
function withoutEmulation(bytes: Buffer): Buffer {
  return Buffer.from(
    bytes.filter(
      (byte, at) => byte !== 3 || bytes[at - 1] !== 0 || bytes[at - 2] !== 0,
    ),
  )
}

class BitReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Whether more bits were read than there are. */
  get isOver(): boolean {
    return this.#at > this.#bytes.length * 8
  }

  bit(): number {
    const byte = this.#bytes[this.#at >> 3] ?? 0
    const shift = 7 - (this.#at & 7)
    this.#at++
    return (byte >> shift) & 1
  }

  /** Reads an unsigned Exp-Golomb number (section 9.1). */
  golomb(): number {
    let zeros = 0
    while (this.bit() === 0 && !this.isOver) zeros++
    let value = 1
    for (let index = 0; index < zeros; index++) value = value * 2 + this.bit()
    return value - 1
  }
}

const NAL = { sps: 7, stapA: 24 } as const

/** Whether the RTP payload that starts with this byte can contain an SPS. */
export function canContainSps(first: number): boolean {
  const type = first & 0x1f
  return type === NAL.sps || type === NAL.stapA
}

/** Returns the SPS in an RTP payload (RFC 6184), or undefined. */
export function spsIn(payload: Buffer): Buffer | undefined {
  switch (typeOf(payload)) {
    case NAL.sps:
      return payload
    case NAL.stapA: {
      for (let at = 1; at + 2 < payload.length;) {
        const bytes = payload.readUInt16BE(at)
        if (at + 2 + bytes > payload.length) return undefined
        const nal = payload.subarray(at + 2, at + 2 + bytes)
        if (typeOf(nal) === NAL.sps) return nal
        at += 2 + bytes
      }
      return undefined
    }
    default:
      return undefined
  }
}

function typeOf(nal: Buffer): number {
  return (nal[0] ?? 0) & 0x1f
}
