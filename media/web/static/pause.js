/**
 * Waits for `ms`, or until the page is hidden or shown, or `signal` aborts.
 *
 * @param {number} ms
 * @param {AbortSignal} signal
 */
export async function pause(ms, signal) {
  const over = new AbortController()
  await new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    over.signal.addEventListener('abort', () => {
      clearTimeout(timer)
    })
    const { signal: listening } = over
    document.addEventListener('visibilitychange', resolve, {
      signal: listening,
    })
    signal.addEventListener('abort', resolve, { signal: listening })
    if (signal.aborted) resolve(undefined)
  })
  over.abort()
}
