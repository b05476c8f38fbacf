import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { PlainTransport, Router } from 'mediasoup/types'

import { isInUse } from './bound-transport.ts'
import { EngineError } from './engine-error.ts'
import { LOOPBACK, localRtp } from './local-rtp.ts'
import type { PortPool } from './port-pool.ts'
import { withAbort } from './with-abort.ts'

export interface LocalSenderOptions {
  readonly router: Router
  /** Its ports are left alone: they are for viewers and FFmpeg. */
  readonly udpPorts: PortPool
  /** For messages: what the caller is doing. */
  readonly action: string
  readonly signal: AbortSignal
}

const MAX_ATTEMPTS = 16

/**
 * A UDP socket of this process that sends RTP and RTCP to a transport of a
 * worker, over loopback. A DirectTransport costs four times the CPU: it writes
 * each packet to the worker's channel by a system call of its own, and copies
 * it byte by byte.
 */
export class LocalSender {
  readonly transport: PlainTransport
  readonly #socket: Socket
  #closed = false

  private constructor(transport: PlainTransport, socket: Socket) {
    this.transport = transport
    this.#socket = socket
  }

  /** @throws {EngineError} */
  static async open(options: LocalSenderOptions): Promise<LocalSender> {
    const { udpPorts, action, signal } = options
    const socket = await bindOutside(udpPorts)
    let transport: PlainTransport | undefined
    try {
      transport = await openTransport(options)
      const { port } = socket.address()
      const connecting = transport.connect({ ip: LOOPBACK, port })
      await withAbort(action, connecting, signal, () => undefined)
      socket.connect(transport.tuple.localPort, LOOPBACK)
      await once(socket, 'connect')
      return new LocalSender(transport, socket)
    } catch (error) {
      transport?.close()
      socket.close()
      throw EngineError.from(error, action)
    }
  }

  /** Sends one RTP or RTCP packet; drops it once the worker is gone. */
  send(packet: Buffer): void {
    if (!this.transport.closed) this.#socket.send(packet)
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.transport.close()
    this.#socket.close()
  }
}

/** A transport on a loopback port that the system chose, RTCP on the same. */
async function openTransport({
  router,
  udpPorts,
  action,
  signal,
}: LocalSenderOptions): Promise<PlainTransport> {
  for (let attempt = 1; ; attempt++) {
    // mediasoup cannot ask the system for a port; so it is found here, and
    // may be taken before the worker binds it.
    const found = await bindOutside(udpPorts)
    const { port } = found.address()
    found.close()
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
 * Binds a UDP socket of loopback to a free port, one outside the pool unless
 * the pool has all the ports that the system chooses from.
 */
async function bindOutside(udpPorts: PortPool): Promise<Socket> {
  const inPool: Socket[] = []
  try {
    for (;;) {
      const socket = createSocket('udp4')
      // A worker that died answers with "port unreachable".
      socket.on('error', () => undefined)
      socket.bind(0, LOOPBACK)
      await once(socket, 'listening')
      const { port } = socket.address()
      if (!udpPorts.contains(port) || inPool.length === MAX_ATTEMPTS) {
        return socket
      }
      // Kept until another is found, or the system could choose it again.
      inPool.push(socket)
    }
  } finally {
    for (const socket of inPool) socket.close()
  }
}
