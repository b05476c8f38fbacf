import { cleanup } from 'node-datachannel'
import { reasonOf } from '../../shared/runtime/errors.ts'
import type { FromPlayer, ToPlayer } from './messages.ts'
import { play } from './play.ts'

/**
 * Plays the streams that the parent process requests. When the parent
 * disconnects or dies, leaves them and exits.
 */
export function servePlays(): void {
  const playing = new Map<number, AbortController>()
  const serve = async (message: ToPlayer & { kind: 'play' }) => {
    const { id, request } = message
    const aborting = new AbortController()
    playing.set(id, aborting)
    try {
      const outcome = await play(request, aborting.signal)
      send({ kind: 'played', id, outcome })
    } catch (error) {
      send({ kind: 'failed', id, reason: reasonOf(error) })
    }
    playing.delete(id)
    // V8 does not see the native memory behind a peer's small objects, and
    // would let it grow by 50 kB per probe for hours.
    globalThis.gc?.()
    exitWhenIdle()
  }
  const exitWhenIdle = () => {
    if (process.connected || playing.size > 0) return
    // Otherwise the library's threads keep the process alive.
    cleanup()
    process.exit()
  }
  // Sent by fork() of PlayerProcess, which sends nothing else.
  process.on('message', (message: ToPlayer) => {
    switch (message.kind) {
      case 'play':
        void serve(message)
        return
      case 'abort':
        playing.get(message.id)?.abort()
        return
      default:
        message satisfies never
    }
  })
  process.on('disconnect', () => {
    for (const aborting of playing.values()) aborting.abort()
    exitWhenIdle()
  })
  exitWhenIdle()
}

function send(message: FromPlayer): void {
  if (process.connected) process.send?.(message)
}
