import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'

import {
  boundUdpPorts,
  probeTcpPort,
  probeUdpPort,
} from '../../engine/port-probe.ts'

for (const address of ['127.0.0.1', '0.0.0.0']) {
  await t.test(`probeUdpPort finds a socket on ${address}`, async t => {
    const socket = createSocket('udp4')
    socket.bind({ port: 0, address, exclusive: true })
    await once(socket, 'listening')
    const { port } = socket.address()
    t.equal(await probeUdpPort(port), false)
    const closed = once(socket, 'close')
    socket.close()
    await closed
    t.equal(await probeUdpPort(port), true)
  })

  await t.test(`probeTcpPort finds a server on ${address}`, async t => {
    const server = createServer()
    server.listen({ port: 0, host: address, exclusive: true })
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    t.equal(await probeTcpPort(port), false)
    server.close()
    await once(server, 'close')
    t.equal(await probeTcpPort(port), true)
  })
}

await t.test(
  'boundUdpPorts finds sockets of both families on any address',
  { skip: process.platform !== 'linux' && 'only Linux lists them' },
  async t => {
    for (const [type, address] of [
      ['udp4', '127.0.0.1'],
      ['udp4', '0.0.0.0'],
      ['udp6', '::1'],
      ['udp6', '::'],
    ] as const) {
      const socket = createSocket(type)
      socket.bind({ port: 0, address, exclusive: true })
      await once(socket, 'listening')
      const { port } = socket.address()
      t.equal((await boundUdpPorts())?.has(port), true, address)
      const closed = once(socket, 'close')
      socket.close()
      await closed
      t.equal((await boundUdpPorts())?.has(port), false, address)
    }
  },
)
