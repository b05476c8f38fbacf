/** Viewers that connect over TCP or IPv6. */
import { networkInterfaces } from 'node:os'
import { cleanup } from 'node-datachannel'
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { openPage, startChromium } from '../fixtures/chromium.ts'
import { H264, LiveServer } from '../fixtures/live-server.ts'
import { Peer } from '../../fixtures/peer.ts'
import { takePorts } from '../../../../shared/test/fixtures/ports.ts'

t.teardown(cleanup)

const VIEWER = {
  video: { payloadType: 108, codec: 'H264' },
  audio: { payloadType: 111 },
} as const

const candidatesOf = (answer: string) =>
  answer.split(/^m=/m)[1]?.match(/^a=candidate:.*$/gm) ?? []

await t.test('Chromium plays over ICE-TCP where UDP is blocked', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    ports: 20,
    streams: { h264: H264 },
    stack: {
      addresses: { listen: ['0.0.0.0'], announced: [] },
      tcpPorts: await takePorts(20),
    },
  })
  const idle = server.portsInUse
  const { page } = await openPage(t, browser)
  const answers: string[] = []
  // A network that blocks UDP.
  await page.route('**/api/v3/whep/h264', async route => {
    const response = await route.fetch()
    const answer = await response.text()
    answers.push(answer)
    const body = answer.replace(/^a=candidate:\S+ 1 udp .*\r\n/gm, '')
    await route.fulfill({ response, body })
  })
  await page.goto(new URL('/player/h264', server.base).href)
  await waitFor(
    async () => Number(await page.getAttribute('body', 'data-frames')) > 20,
    'decoded frames',
  )
  const protocols = candidatesOf(answers[0] ?? '').map(
    line => line.split(' ')[2],
  )
  t.ok(protocols.includes('tcp'))
  t.same(protocols, protocols.toSorted().toReversed(), 'UDP comes first')
  await page.goto('about:blank')
  await server.settles(idle)
})

await t.test(
  'libdatachannel plays over IPv6 from a server with several addresses',
  async t => {
    const hasLoopback6 = Object.values(networkInterfaces())
      .flatMap(each => each ?? [])
      .some(({ address }) => address === '::1')
    if (!hasLoopback6) {
      t.comment('this machine has no ::1')
      return
    }
    const server = await LiveServer.start(t, {
      ports: 20,
      streams: { h264: H264 },
      stack: {
        addresses: {
          listen: ['127.0.0.1', '::1'],
          announced: ['127.0.0.1', '::1', '2001:db8::7'],
        },
      },
    })
    const idle = server.portsInUse
    const peer = new Peer(VIEWER, '::1')
    t.equal(await peer.view(server.endpoint('h264')), 201)
    const addresses = candidatesOf(peer.answer).map(line => line.split(' ')[4])
    t.same(addresses, ['127.0.0.1', '::1', '2001:db8::7'])
    await peer.plays()
    t.equal(server.sessions.of('h264')[0]?.remoteAddress, '::1')
    t.equal(
      server.portsInUse,
      idle + 2,
      'a viewer uses one port per listen address',
    )
    await peer.leave()
    await server.settles(idle)
  },
)
