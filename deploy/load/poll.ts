import { setTimeout as delay } from 'node:timers/promises'

const POLL_INTERVAL_MS = 250

/**
 * Calls `look` until it returns a value. Returns undefined after `timeoutMs`;
 * an error of the last call is thrown then.
 * @throws the reason of `signal` once that is aborted
 */
export async function poll<Value>(
  look: () => Promise<Value | undefined>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Value | undefined> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    signal?.throwIfAborted()
    try {
      const value = await look()
      if (value !== undefined) return value
      if (performance.now() > endMs) return undefined
    } catch (error) {
      if (performance.now() > endMs) throw error
    }
    const pause = delay(POLL_INTERVAL_MS, undefined, signal && { signal })
    // The abort is thrown by the next round.
    await pause.catch(() => undefined)
  }
}
