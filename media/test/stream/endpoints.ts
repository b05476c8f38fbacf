import type { IceCandidate } from 'mediasoup/types'
import t from 'tap'

import { allCandidates, endpoints, listenInfo } from '../../stream/endpoints.ts'

const HOST = ['192.0.2.1', '192.0.2.2', '2001:db8::1']
const on = (listen: string[], announced: string[] = [], host = HOST) =>
  endpoints({ listen, announced }, () => host).map(endpoint => [
    endpoint.listen,
    ...endpoint.announced,
  ])

await t.test('endpoints() announces a wildcard as the host addresses', t => {
  t.same(on(['0.0.0.0']), [['0.0.0.0', '192.0.2.1', '192.0.2.2']])
  t.same(on(['::']), [['::', '2001:db8::1']])
  t.same(on(['0.0.0.0', '::'], [], []), [
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
  ])
  t.end()
})

await t.test('endpoints() announces an address as itself', t => {
  t.same(on(['192.0.2.2']), [['192.0.2.2', '192.0.2.2']])
  t.end()
})

await t.test('endpoints() matches announced addresses by family', t => {
  t.same(on(['0.0.0.0', '::'], ['203.0.113.1', '2001:db8::9', '203.0.113.2']), [
    ['0.0.0.0', '203.0.113.1', '203.0.113.2'],
    ['::', '2001:db8::9'],
  ])
  t.same(on(['0.0.0.0', '::'], ['203.0.113.1']), [
    ['0.0.0.0', '203.0.113.1'],
    ['::', '2001:db8::1'],
  ])
  t.end()
})

await t.test('endpoints() pairs lists of equal length', t => {
  t.same(on(['10.0.0.1', '10.1.0.1'], ['203.0.113.1', '203.0.113.2']), [
    ['10.0.0.1', '203.0.113.1'],
    ['10.1.0.1', '203.0.113.2'],
  ])
  t.same(on(['10.0.0.1', '10.1.0.1'], ['203.0.113.1']), [
    ['10.0.0.1', '203.0.113.1'],
    ['10.1.0.1', '203.0.113.1'],
  ])
  t.end()
})

await t.test('listenInfo() announces the first address', t => {
  const announced = ['203.0.113.1', '203.0.113.2']
  t.same(listenInfo('udp', { listen: '0.0.0.0', announced }, 40_000), {
    protocol: 'udp',
    ip: '0.0.0.0',
    port: 40_000,
    announcedAddress: '203.0.113.1',
  })
  t.match(listenInfo('tcp', { listen: '::', announced: ['::1'] }, 40_000), {
    flags: { ipv6Only: true },
  })
  t.end()
})

await t.test('allCandidates() adds one per further address', t => {
  const candidate = (
    protocol: 'udp' | 'tcp',
    address: string,
    port: number,
    priority: number,
  ): IceCandidate => ({
    foundation: `${protocol}candidate`,
    priority,
    ip: address,
    address,
    protocol,
    port,
    type: 'host',
  })
  const sockets = [
    { listen: '0.0.0.0', announced: ['203.0.113.1', '203.0.113.2'] },
    { listen: '::', announced: ['2001:db8::1'] },
  ]
  const made = [
    candidate('udp', '203.0.113.1', 40_000, 1_076_302_079),
    candidate('tcp', '203.0.113.1', 41_000, 1_076_276_479),
    candidate('udp', '2001:db8::1', 40_001, 1_076_250_879),
  ]
  const all = allCandidates(made, sockets)
  t.same(
    all.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`),
    [
      'udp 203.0.113.1 40000',
      'udp 203.0.113.2 40000',
      'udp 2001:db8::1 40001',
      'tcp 203.0.113.1 41000',
      'tcp 203.0.113.2 41000',
    ],
  )
  t.equal(new Set(all.map(({ priority }) => priority)).size, all.length)
  const pairs = all.map(({ foundation, address }) => `${foundation} ${address}`)
  t.equal(new Set(pairs).size, all.length)
  t.equal(all[1]?.ip, '203.0.113.2')
  t.end()
})
