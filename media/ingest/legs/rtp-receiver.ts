import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'

import { EngineError } from '../../engine/engine-error.ts'
import type { PortLease } from '../../engine/port-pool.ts'
import { RECEIVE_BUFFER_BYTES } from '../../engine/local-rtp.ts'

/** What is done with what arrives. */
export interface InboxReader {
  readonly rtp: (packet: Buffer, from: RemoteInfo) => void
  readonly rtcp: (packet: Buffer, from: RemoteInfo) => void
}

export interface LegInboxOptions {
  readonly listen: string
  /** Takes a port to listen on, which is given back at the end. */
  readonly take: (use: keyof InboxReader) => Promise<TakenPort> | TakenPort
}

export type TakenPort = Omit<PortLease, 'protocol'>

/** The two sockets that a sender sends one leg to. */
export class LegInbox {
  readonly #undo: (() => void)[] = []
  readonly #ports = { rtp: 0, rtcp: 0 }
  #reader: InboxReader | undefined

  private constructor() {
    // Made by open() only.
  }

  /** @throws {EngineError} `ports` when a port cannot be had */
  static async open(options: LegInboxOptions): Promise<LegInbox> {
    const inbox = new LegInbox()
    try {
      await inbox.#bind('rtp', options)
      await inbox.#bind('rtcp', options)
      return inbox
    } catch (error) {
      inbox.close()
      throw error
    }
  }

  get ports(): Readonly<Record<keyof InboxReader, number>> {
    return this.#ports
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
    use: keyof InboxReader,
    { listen, take }: LegInboxOptions,
  ): Promise<void> {
    const taken = await take(use)
    this.#ports[use] = taken.port
    this.#undo.push(() => {
      taken.release()
    })
    const socket = createSocket({
      type: isIPv6(listen) ? 'udp6' : 'udp4',
      recvBufferSize: RECEIVE_BUFFER_BYTES,
    })
    this.#undo.push(() => {
      socket.close()
    })
    socket.on('message', (packet, from) => {
      this.#reader?.[use](packet, from)
    })
    try {
      await bound(socket, listen, taken.port)
    } catch (error) {
      if (isHeld(error)) taken.quarantine()
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
