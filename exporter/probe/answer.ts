import { parse } from 'sdp-transform'
import { KINDS, type Kind } from './outcome.ts'

/** Media that the answer promises to send. */
export interface PromisedMedia {
  readonly kind: Kind
  readonly payloadType: number
  /** Name of the codec in lower case. */
  readonly codec: string
}

/** Returns the media that an SDP answer accepts. */
export function readAnswer(sdp: string): readonly PromisedMedia[] {
  return parse(sdp).media.flatMap(section => {
    const { port, direction, payloads = '', rtp } = section
    const kind = KINDS.find(each => each === section.type)
    if (kind === undefined || port === 0 || direction === 'inactive') return []
    const payloadType = parseInt(payloads, 10)
    if (Number.isNaN(payloadType)) return []
    const main = rtp.find(({ payload }) => payload === payloadType)
    return [{ kind, payloadType, codec: main?.codec.toLowerCase() ?? '' }]
  })
}
