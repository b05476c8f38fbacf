import type { ServerResponse } from 'node:http'

/** Aborted when the connection ends before the whole answer is out. */
export function hangUpOf(response: ServerResponse): AbortSignal {
  const hungUp = new AbortController()
  const check = () => {
    if (!response.writableFinished) hungUp.abort()
  }
  if (response.closed) check()
  else response.once('close', check)
  return hungUp.signal
}
