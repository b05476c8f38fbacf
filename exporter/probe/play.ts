import { reasonOf } from '../../shared/runtime/errors.ts'
import { readAnswer } from './answer.ts'
import type { PlayRequest } from './messages.ts'
import type { Outcome } from './outcome.ts'
import { Peer } from './peer.ts'
import { Progress } from './progress.ts'
import { openSession, WhepError } from './whep-session.ts'

/** Interval between key frame requests; mediasoup forwards one a second. */
const KEY_FRAME_INTERVAL_MS = 1_000

const now = () => performance.now()

/**
 * Plays a stream as a viewer until its first key frame and its first audio
 * have arrived, at most `timeoutMs`; then leaves. `aborted` ends it early.
 */
export async function play(
  request: PlayRequest,
  aborted: AbortSignal,
): Promise<Outcome> {
  const ending = new AbortController()
  const end = (reason: string) => {
    ending.abort(new Error(reason))
  }
  const abort = () => {
    end('The client of the probe disconnected')
  }
  const timer = setTimeout(() => {
    end(`Timeout of ${request.timeoutMs} ms`)
  }, request.timeoutMs)
  aborted.addEventListener('abort', abort)
  const progress = new Progress(now())
  const peer = createPeer(progress, end)
  try {
    const failure = await connect(request, peer, progress, ending.signal)
    const { seconds, packets } = progress
    return { ...failure, seconds, packets }
  } finally {
    clearTimeout(timer)
    aborted.removeEventListener('abort', abort)
    peer.close()
  }
}

/** Creates a peer that records its progress and calls `end` when it is over. */
function createPeer(progress: Progress, end: (reason: string) => void): Peer {
  let requestedMs = -Infinity
  const peer = new Peer({
    onIceConnected: () => {
      progress.reach('ice', now())
    },
    onConnected: () => {
      progress.reach('dtls', now())
    },
    onEnded: state => {
      end(`The connection is ${state}`)
    },
    onPacket: (kind, packet) => {
      progress.receive(kind, packet, now())
      if (progress.missing === undefined) end('The stream plays')
      if (!progress.needsKeyFrame) return
      if (now() - requestedMs < KEY_FRAME_INTERVAL_MS) return
      requestedMs = now()
      peer.requestKeyFrame()
    },
  })
  return peer
}

/** Has a session until `ended`, and returns why the stream does not play. */
async function connect(
  { endpoint, headers }: PlayRequest,
  peer: Peer,
  progress: Progress,
  ended: AbortSignal,
): Promise<Pick<Outcome, 'failure' | 'detail'>> {
  try {
    const offer = await peer.offer()
    const session = await openSession(new URL(endpoint), headers, offer, ended)
    progress.reach('offer', now())
    try {
      acceptAnswer(session.answer, peer, progress)
      await aborts(ended)
      const { missing: failure } = progress
      return failure ? { failure, detail: reasonOf(ended.reason) } : {}
    } finally {
      await session.leave()
    }
  } catch (error) {
    if (!(error instanceof WhepError)) throw error
    return { failure: error.failure, detail: error.message }
  }
}

/** @throws {WhepError} if the answer is not valid */
function acceptAnswer(answer: string, peer: Peer, progress: Progress): void {
  try {
    progress.expect(readAnswer(answer))
    peer.accept(answer)
  } catch (cause) {
    throw new WhepError('refused', reasonOf(cause), { cause })
  }
}

function aborts(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else {
      signal.addEventListener('abort', () => {
        resolve()
      })
    }
  })
}
