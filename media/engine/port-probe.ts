import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** Whether no program uses the port now, on any address of this machine. */
export type PortProbe = (port: number) => Promise<boolean>

/** Binds the port on all addresses for a moment. */
export const probeUdpPort: PortProbe = async port =>
  (await bindUdp('udp6', port)) ?? (await bindUdp('udp4', port)) ?? false

/** The same for TCP. */
export const probeTcpPort: PortProbe = async port =>
  (await listenTcp('::', port)) ?? (await listenTcp('0.0.0.0', port)) ?? false

/** undefined: this machine lacks the address family. */
function bindUdp(
  type: 'udp4' | 'udp6',
  port: number,
): Promise<boolean | undefined> {
  return new Promise(resolve => {
    // A udp6 socket on :: binds the port for IPv4 too.
    const socket = createSocket(type)
    socket.once('error', error => {
      socket.close()
      resolve(resultOf(error))
    })
    socket.bind({ port, exclusive: true }, () => {
      socket.close(() => {
        resolve(true)
      })
    })
  })
}

function listenTcp(host: string, port: number): Promise<boolean | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', error => {
      resolve(resultOf(error))
    })
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}

function resultOf(error: Error): false | undefined {
  const code: unknown = 'code' in error ? error.code : undefined
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' ? undefined : false
}
