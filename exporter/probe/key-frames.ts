/** Finds the start of a key frame in the RTP payloads of one stream. */

/** Whether a key frame starts in `payload`. */
export type KeyFrameFinder = (payload: Buffer) => boolean

/** Codecs of video whose key frames can be found, by their name in SDP. */
export const KEY_FRAME_FINDERS: Readonly<Record<string, () => KeyFrameFinder>> =
  { h264: createH264Finder, vp8: () => startsVp8KeyFrame }

/** NAL unit types of H264 and of its RTP payload (RFC 6184 section 5.2). */
const NAL = { idr: 5, sps: 7, pps: 8, stapA: 24, fuA: 28 } as const

/**
 * A browser decodes an IDR picture only once it has a sequence and a picture
 * parameter set, so one without them is no key frame.
 */
function createH264Finder(): KeyFrameFinder {
  const seen = new Set<number>()
  return payload => {
    for (const type of nalTypes(payload)) {
      if (type === NAL.idr && seen.has(NAL.sps) && seen.has(NAL.pps)) {
        return true
      }
      seen.add(type)
    }
    return false
  }
}

/** Types of the NAL units that start in an RTP payload. */
function* nalTypes(payload: Buffer): Generator<number> {
  const type = typeOf(payload[0])
  switch (type) {
    case NAL.stapA:
      for (let at = 1; at + 2 < payload.length;) {
        yield typeOf(payload[at + 2])
        at += 2 + payload.readUInt16BE(at)
      }
      return
    case NAL.fuA: {
      const header = payload[1] ?? 0
      const isStart = (header & 0x80) !== 0
      if (isStart) yield typeOf(header)
      return
    }
    default:
      yield type
  }
}

function typeOf(header = 0): number {
  return header & 0x1f
}

/** RFC 7741 sections 4.2 (payload descriptor) and 4.3 (payload header). */
function startsVp8KeyFrame(payload: Buffer): boolean {
  const first = payload[0] ?? 0
  const startsFirstPartition = (first & 0x17) === 0x10
  if (!startsFirstPartition) return false
  let at = 1
  const isExtended = (first & 0x80) !== 0
  if (isExtended) {
    const fields = payload[at++] ?? 0
    const hasPictureId = (fields & 0x80) !== 0
    if (hasPictureId) at += ((payload[at] ?? 0) & 0x80) === 0 ? 1 : 2
    const hasTl0PicIdx = (fields & 0x40) !== 0
    if (hasTl0PicIdx) at++
    const hasTidOrKeyIdx = (fields & 0x30) !== 0
    if (hasTidOrKeyIdx) at++
  }
  const header = payload[at]
  return header !== undefined && (header & 1) === 0
}
