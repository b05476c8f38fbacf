import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'

import { EngineError } from '../../engine/engine-error.ts'
import { RECEIVE_BUFFER_BYTES } from '../../engine/local-rtp.ts'
import type { PortLease } from '../../engine/port-pool.ts'

export interface PacketHandlers {
  readonly rtp: (packet: Buffer, from: RemoteInfo) => void
  readonly rtcp: (packet: Buffer, from: RemoteInfo) => void
}

export interface RtpReceiverOptions {
  /** IP address to listen on. */
  readonly listen: string
  /** Leases the port to listen on. */
  readonly lease: (
    use: keyof PacketHandlers,
  ) => Promise<LeasedPort> | LeasedPort
}

export type LeasedPort = Omit<PortLease, 'protocol'>

/** The two UDP sockets that receive one leg. */
export class RtpReceiver {
  readonly #undo: (() => void)[] = []
  readonly #ports = { rtp: 0, rtcp: 0 }
  #handlers: PacketHandlers | undefined

  private constructor() {
    // Created by open() only.
  }

  /** @throws {EngineError} `ports` if a port cannot be leased or bound */
  static async open(options: RtpReceiverOptions): Promise<RtpReceiver> {
    const receiver = new RtpReceiver()
    try {
      await receiver.#bind('rtp', options)
      await receiver.#bind('rtcp', options)
      return receiver
    } catch (error) {
      receiver.close()
      throw error
    }
  }

  get ports(): Readonly<Record<keyof PacketHandlers, number>> {
    return this.#ports
  }

  /** Sets the handlers; without handlers packets are dropped. */
  handlePackets(handlers: PacketHandlers | undefined): void {
    this.#handlers = handlers
  }

  /** Idempotent. */
  close(): void {
    this.#handlers = undefined
    for (const step of this.#undo.splice(0).reverse()) step()
  }

  async #bind(
    use: keyof PacketHandlers,
    { listen, lease }: RtpReceiverOptions,
  ): Promise<void> {
    const leased = await lease(use)
    this.#ports[use] = leased.port
    this.#undo.push(() => {
      leased.release()
    })
    const socket = createSocket({
      type: isIPv6(listen) ? 'udp6' : 'udp4',
      recvBufferSize: RECEIVE_BUFFER_BYTES,
    })
    this.#undo.push(() => {
      socket.close()
    })
    socket.on('message', (packet, from) => {
      this.#handlers?.[use](packet, from)
    })
    try {
      await bind(socket, listen, leased.port)
    } catch (error) {
      if (isInUse(error)) leased.quarantine()
      throw error
    }
  }
}

function bind(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const message = `Cannot listen on UDP port ${port}: ${cause.message}`
      reject(new EngineError('ports', message, { cause }))
    }
    socket.once('error', fail)
    socket.bind({ port, address, exclusive: true }, () => {
      socket.off('error', fail)
      // A socket that only receives has no error to handle, but without a
      // listener Node would throw.
      socket.on('error', () => undefined)
      resolve()
    })
  })
}

/** Whether another program uses the port. */
function isInUse(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false
  const { cause } = error
  return (
    cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
  )
}
