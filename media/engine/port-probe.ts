import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

/** Whether no program uses the port now, on any address of this machine. */
export type PortProbe = (port: number) => Promise<boolean>

/** Binds the port on all addresses for a moment. */
export const probeUdpPort: PortProbe = async port =>
  (await bindUdp('udp6', port)) ?? (await bindUdp('udp4', port)) ?? false

/**
 * The UDP ports that sockets of this network namespace are bound to; undefined
 * where the system does not list them. Linux only (proc_net(5)).
 */
export async function boundUdpPorts(): Promise<
  ReadonlySet<number> | undefined
> {
  try {
    const tables = await Promise.all([
      readFile('/proc/net/udp', 'latin1'),
      readFile('/proc/net/udp6', 'latin1').catch(emptyIfMissing),
    ])
    return new Set(tables.flatMap(localPorts))
  } catch {
    return undefined
  }
}

/** The same as `probeUdpPort` for TCP. */
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

/** Without IPv6, there is no table for it. */
function emptyIfMissing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}

/** The ports in lines such as `  12: 0100007F:9C40 00000000:0000 07 ...`. */
function localPorts(table: string): readonly number[] {
  const lines = table.matchAll(/^ *\d+: [\dA-F]+:([\dA-F]{4}) /gm)
  return Array.from(lines, ([, port = '']) => Number.parseInt(port, 16))
}
