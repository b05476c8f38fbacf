import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'

import { EngineError } from '../engine/engine-error.ts'
import type { PortLease, PortPool } from '../engine/port-pool.ts'
import { RECEIVE_BUFFER_BYTES } from '../engine/receive-buffer.ts'

/** What is done with what arrives. */
export interface InboxReader {
  readonly rtp: (packet: Buffer, from: RemoteInfo) => void
  readonly rtcp: (packet: Buffer, from: RemoteInfo) => void
}

export interface LegInboxOptions {
  readonly listen: string
  readonly port: number
  readonly rtcpPort: number
  /** The ports are taken from it where they are of it. */
  readonly udpPorts: PortPool
}

/** The two sockets that an external sender sends one leg to. */
export class LegInbox {
  readonly #undo: (() => void)[] = []
  #reader: InboxReader | undefined

  private constructor() {
    // Made by open() only.
  }

  /** @throws {EngineError} `ports` when a port is in use */
  static async open(options: LegInboxOptions): Promise<LegInbox> {
    const inbox = new LegInbox()
    try {
      await inbox.#bind(options, options.port, (packet, from) => {
        inbox.#reader?.rtp(packet, from)
      })
      await inbox.#bind(options, options.rtcpPort, (packet, from) => {
        inbox.#reader?.rtcp(packet, from)
      })
      return inbox
    } catch (error) {
      inbox.close()
      throw error
    }
  }

  /** From now on this one reads; packets that nobody reads are dropped. */
  readBy(reader: InboxReader | undefined): void {
    this.#reader = reader
  }

  /** Idempotent. */
  close(): void {
    this.#reader = undefined
    for (const step of this.#undo.splice(0).reverse()) step()
  }

  async #bind(
    { listen, udpPorts }: LegInboxOptions,
    port: number,
    onPacket: (packet: Buffer, from: RemoteInfo) => void,
  ): Promise<void> {
    const lease: PortLease | undefined = udpPorts.reserve(port)
    if (lease) {
      this.#undo.push(() => {
        lease.release()
      })
    }
    const socket = createSocket({
      type: isIPv6(listen) ? 'udp6' : 'udp4',
      recvBufferSize: RECEIVE_BUFFER_BYTES,
    })
    this.#undo.push(() => {
      socket.close()
    })
    socket.on('message', onPacket)
    try {
      await bound(socket, listen, port)
    } catch (error) {
      if (isHeld(error)) lease?.refuse()
      throw error
    }
  }
}

function bound(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error) => {
      const message = `Cannot listen on UDP port ${port}: ${cause.message}`
      reject(new EngineError('ports', message, { cause }))
    }
    socket.once('error', refuse)
    socket.bind({ port, address, exclusive: true }, () => {
      socket.off('error', refuse)
      // A socket that only reads has no error that matters, but must not throw.
      socket.on('error', () => undefined)
      resolve()
    })
  })
}

/** Whether another program holds the port. */
function isHeld(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false
  const { cause } = error
  return (
    cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
  )
}
