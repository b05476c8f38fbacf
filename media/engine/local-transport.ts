import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { PlainTransport, Router } from 'mediasoup/types'

import { isInUse } from './bound-transport.ts'
import { EngineError } from './engine-error.ts'
import { LOOPBACK, localRtp } from './local-rtp.ts'
import type { PortPool } from './port-pool.ts'
import { withAbort } from './with-abort.ts'

export interface LocalTransportOptions {
  readonly router: Router
  /** Its ports are left alone: they are for viewers and FFmpeg. */
  readonly udpPorts: PortPool
  /** Port of loopback that RTP and RTCP come from. */
  readonly from: number
  /** For messages: what the caller is doing. */
  readonly action: string
  readonly signal: AbortSignal
}

const MAX_ATTEMPTS = 16

/**
 * Opens a transport that receives RTP and RTCP of this process on one port of
 * loopback. A DirectTransport costs four times the CPU: it writes each packet
 * to the worker's channel by a system call of its own, and copies it byte by
 * byte.
 * @throws {EngineError}
 */
export async function openLocalTransport(
  options: LocalTransportOptions,
): Promise<PlainTransport> {
  const { from, action, signal } = options
  let transport: PlainTransport | undefined
  try {
    transport = await openUnconnected(options)
    const connecting = transport.connect({ ip: LOOPBACK, port: from })
    await withAbort(action, connecting, signal, () => undefined)
    return transport
  } catch (error) {
    transport?.close()
    throw EngineError.from(error, action)
  }
}

async function openUnconnected({
  router,
  udpPorts,
  action,
  signal,
}: LocalTransportOptions): Promise<PlainTransport> {
  for (let attempt = 1; ; attempt++) {
    // mediasoup cannot ask the system for a port; so it is found here, and
    // may be taken before the worker binds it.
    const port = await findPortOutside(udpPorts)
    const opening = router.createPlainTransport({
      listenInfo: localRtp(port),
      rtcpMux: true,
      comedia: false,
    })
    try {
      return await withAbort(action, opening, signal, late => {
        late.close()
      })
    } catch (error) {
      const taken = isInUse({ protocol: 'udp', port }, error)
      if (!taken || attempt >= MAX_ATTEMPTS) throw error
    }
  }
}

/**
 * Returns a free UDP port of loopback, one outside the pool unless the pool has
 * all the ports that the system chooses from.
 */
export async function findPortOutside(udpPorts: PortPool): Promise<number> {
  const bound: Socket[] = []
  try {
    for (;;) {
      const socket = createSocket('udp4')
      // Kept until another is found, or the system could choose it again.
      bound.push(socket)
      socket.bind(0, LOOPBACK)
      await once(socket, 'listening')
      const { port } = socket.address()
      if (!udpPorts.contains(port) || bound.length > MAX_ATTEMPTS) return port
    }
  } finally {
    for (const socket of bound) socket.close()
  }
}
