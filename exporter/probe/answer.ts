import type { Kind } from './outcome.ts'

/** Media that the answer promises to send. */
export interface PromisedMedia {
  readonly kind: Kind
  readonly payloadType: number
  /** Name of the codec in lower case. */
  readonly codec: string
}

/** Returns the media that an SDP answer accepts. */
export function readAnswer(sdp: string): readonly PromisedMedia[] {
  const sections = sdp.split(/^(?=m=)/m).slice(1)
  return sections.flatMap(section => {
    const line = /^m=(video|audio) (\d+) \S+ (\d+)/.exec(section)
    const [, kind, port, payloadType] = line ?? []
    if (kind !== 'video' && kind !== 'audio') return []
    const isRejected = port === '0' || /^a=inactive\b/m.test(section)
    if (isRejected) return []
    const rtpmap = new RegExp(`^a=rtpmap:${payloadType} ([^/\\s]+)/`, 'm')
    const codec = rtpmap.exec(section)?.[1]?.toLowerCase() ?? ''
    return [{ kind, payloadType: Number(payloadType), codec }]
  })
}
