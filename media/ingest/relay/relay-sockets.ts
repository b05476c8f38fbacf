import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

import { LOOPBACK, RECEIVE_BUFFER_BYTES } from '../../engine/local-rtp.ts'
import { reasonOf } from '../../../shared/runtime/errors.ts'
import type { BindFailure, RelaySpec } from './relay-messages.ts'

/** A port could not be bound. */
export class BindError extends Error {
  override readonly name = 'BindError'
  readonly failure: BindFailure

  constructor(port: number, cause: unknown) {
    const message = `Cannot listen on UDP port ${port}: ${reasonOf(cause)}`
    super(message, { cause })
    const inUse =
      cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    this.failure = { port, message, inUse }
  }
}

export interface PacketHandlers {
  readonly rtp: (packet: Buffer, from: RemoteInfo) => void
  readonly rtcp: (packet: Buffer) => void
}

/** The two UDP sockets that receive a leg, and the one that forwards it. */
export class RelaySockets {
  readonly #sockets: readonly Socket[]
  readonly #out: Socket
  #isConnected = false

  private constructor(sockets: readonly Socket[], out: Socket) {
    this.#sockets = sockets
    this.#out = out
  }

  /** @throws {BindError} */
  static async open(
    { listen, ports }: Pick<RelaySpec, 'listen' | 'ports'>,
    handlers: PacketHandlers,
  ): Promise<RelaySockets> {
    const sockets: Socket[] = []
    const open = async (address: string, port: number) => {
      const socket = createSocket({
        type: isIPv6(address) ? 'udp6' : 'udp4',
        recvBufferSize: RECEIVE_BUFFER_BYTES,
      })
      sockets.push(socket)
      await bind(socket, address, port)
      return socket
    }
    try {
      const rtp = await open(listen, ports.rtp)
      const rtcp = await open(listen, ports.rtcp)
      const out = await open(LOOPBACK, ports.out)
      rtp.on('message', handlers.rtp)
      rtcp.on('message', handlers.rtcp)
      return new RelaySockets(sockets, out)
    } catch (error) {
      for (const socket of sockets) socket.close()
      throw error
    }
  }

  /** Sends to this port of loopback from now on. */
  async connect(port: number): Promise<void> {
    this.disconnect()
    this.#out.connect(port, LOOPBACK)
    await once(this.#out, 'connect')
    this.#isConnected = true
  }

  disconnect(): void {
    if (this.#isConnected) this.#out.disconnect()
    this.#isConnected = false
  }

  /** Sends a packet; drops it unless connected. */
  send(packet: Buffer): void {
    if (this.#isConnected) this.#out.send(packet)
  }

  close(): void {
    this.#isConnected = false
    for (const socket of this.#sockets) socket.close()
  }
}

async function bind(
  socket: Socket,
  address: string,
  port: number,
): Promise<void> {
  try {
    socket.bind({ port, address, exclusive: true })
    await once(socket, 'listening')
  } catch (cause) {
    throw new BindError(port, cause)
  }
  // A worker that died answers with "port unreachable", and without a listener
  // Node would throw.
  socket.on('error', () => undefined)
}
