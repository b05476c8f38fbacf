import type { TransportListenInfo, WebRtcServer, Worker } from 'mediasoup/types'
import { reasonOf } from '../../shared/runtime/errors.ts'

import { isInUse } from './bound-transport.ts'
import { EngineError } from './engine-error.ts'
import { withAbort } from './with-abort.ts'

/** One port per worker that all its viewers share, instead of a pool. */
export interface SharedPort {
  /** Of the first worker; worker i uses port + i. */
  readonly port: number
  /** What a worker listens on, given its port. */
  readonly listenInfos: (port: number) => TransportListenInfo[]
  /** The setting that chose the port, for messages. */
  readonly setting: string
}

/**
 * Binds the port that all viewers of a worker share.
 * (https://mediasoup.org/documentation/v3/mediasoup/api/#WebRtcServer)
 * @throws {EngineError} `ports` that names the setting
 */
export async function openViewerServer(
  worker: Worker,
  { listenInfos, setting }: SharedPort,
  port: number,
  timeoutMs: number,
): Promise<WebRtcServer> {
  const action = `listen on port ${port} (${setting})`
  try {
    return await withAbort(
      action,
      worker.createWebRtcServer({ listenInfos: listenInfos(port) }),
      AbortSignal.timeout(timeoutMs),
      () => undefined,
    )
  } catch (cause) {
    const inUse = (['udp', 'tcp'] as const).some(protocol =>
      isInUse({ protocol, port }, cause),
    )
    throw new EngineError(
      'ports',
      `Cannot ${action}: ${inUse ? 'it is in use' : reasonOf(cause)}`,
      { cause },
    )
  }
}
