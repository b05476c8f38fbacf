import { reasonOf } from '../../shared/runtime/errors.ts'
import { readAnswer } from './answer.ts'
import type { PlayRequest } from './messages.ts'
import type { Failure, Outcome } from './outcome.ts'
import { Peer } from './peer.ts'
import { Progress } from './progress.ts'
import { openSession, WhepError, type WhepSession } from './whep-session.ts'

/** Interval between key frame requests; mediasoup forwards one a second. */
const KEY_FRAME_INTERVAL_MS = 1_000

/**
 * Plays a stream as a viewer until its first key frame and its first audio
 * have arrived, at most `timeoutMs`; then leaves. `aborted` ends it early.
 */
export async function play(
  { endpoint, headers, timeoutMs }: PlayRequest,
  aborted: AbortSignal,
): Promise<Outcome> {
  const now = () => performance.now()
  const progress = new Progress(now())
  const ending = new AbortController()
  const end = (reason: string) => {
    ending.abort(new Error(reason))
  }
  const abort = () => {
    end('The client of the probe disconnected')
  }
  const timer = setTimeout(() => {
    end(`Timeout of ${timeoutMs} ms`)
  }, timeoutMs)
  aborted.addEventListener('abort', abort)
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
  let session: WhepSession | undefined
  let failure: { failure?: Failure; detail?: string } = {}
  try {
    session = await openSession(
      new URL(endpoint),
      headers,
      await peer.offer(),
      ending.signal,
    )
    progress.reach('offer', now())
    try {
      progress.expect(readAnswer(session.answer))
      peer.accept(session.answer)
    } catch (cause) {
      throw new WhepError('refused', reasonOf(cause), { cause })
    }
    await aborts(ending.signal)
    const { missing } = progress
    if (missing !== undefined) {
      failure = { failure: missing, detail: reasonOf(ending.signal.reason) }
    }
  } catch (error) {
    if (!(error instanceof WhepError)) throw error
    failure = { failure: error.failure, detail: error.message }
  } finally {
    clearTimeout(timer)
    aborted.removeEventListener('abort', abort)
    await session?.leave()
    peer.close()
  }
  const { seconds, packets } = progress
  return { ...failure, seconds, packets }
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
