import type { Report } from '../../shared/catalogue.ts'
import type { StreamCodecs, ViewerStream } from './stream-port.ts'
import { negotiate, type Agreement, type Mismatch } from './negotiation.ts'
import { readOffer } from './offer.ts'
import { type Problem } from '../http/problem.ts'
import { whepProblem } from './problems.ts'
import { SdpError } from './sdp-text.ts'

const CODEC_NAMES = {
  h264: 'H264 with packetization-mode=1',
  vp8: 'VP8',
  opus: 'Opus',
} as const

/**
 * Settles what of the offer the stream sends.
 * @throws {Problem} `malformed-offer`, `stream-not-live`, `codec-mismatch`
 */
export function agreeOn(
  stream: ViewerStream,
  offer: string,
  report: Report,
): Agreement {
  const result = asProblem(() => negotiate(readOffer(offer), stream.codecs))
  if (!stream.live) throw notLive()
  if (result.at === 'agreed') return result
  for (const kind of result.kinds) {
    report({
      family: 'dragonfork_webrtc_codec_mismatches_total',
      labels: { stream_id: stream.id, kind },
    })
  }
  throw mismatch(result, stream.codecs)
}

/** The stream is there, its media is not yet (draft, 4.4: 409). */
export function notLive(cause?: unknown): Problem {
  return whepProblem('stream-not-live', 'No RTP has arrived yet', {
    cause,
    headers: { 'Retry-After': '2' },
  })
}

// 406 without SDP and without Location: with them it would be the draft's
// counter-offer, which no player takes.
function mismatch({ kinds }: Mismatch, codecs: StreamCodecs): Problem {
  const wants = kinds.map(kind => {
    const codec = codecs[kind]
    return codec === undefined
      ? `the stream has no ${kind}`
      : `${kind} needs ${CODEC_NAMES[codec]}`
  })
  return whepProblem('codec-mismatch', wants.join('; '), {
    members: { kind: kinds[0], kinds },
  })
}

function asProblem<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SdpError)) throw error
    throw whepProblem('malformed-offer', error.message, { cause: error })
  }
}
