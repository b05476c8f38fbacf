/**
 * Players of other projects, as published on npm, in Chromium, on a page of
 * another origin than the server's.
 */
import type { Page } from 'playwright-core'
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { openPage, startChromium } from '../fixtures/chromium.ts'
import { H264, LiveServer } from '../fixtures/live-server.ts'
import { servePlayers } from '../fixtures/player-page.ts'

/** Video frames that `window.pc` has decoded, from its stats. */
const FRAMES = `(async () => {
  let frames = 0
  for (const report of (await window.pc?.getStats())?.values() ?? []) {
    if (report.type === 'inbound-rtp') frames += report.framesDecoded ?? 0
  }
  return frames
})()`

async function decodesMore(page: Page, more = 15): Promise<void> {
  const before = await page.evaluate<number>(FRAMES)
  await waitFor(
    async () => (await page.evaluate<number>(FRAMES)) >= before + more,
    `${more} frames`,
  )
}

/** Puts each new peer connection of the page into `window.pc`. */
const KEEP_PEER = `
  const Native = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Native {
    constructor(...options) {
      super(...options)
      window.pc = this
    }
  }
  window.rejections = []
  window.addEventListener('unhandledrejection', event =>
    window.rejections.push(String(event.reason)))`

const WHIP_WHEP_VIEW = `(async endpoint => {
  const pc = new RTCPeerConnection()
  const stream = new MediaStream()
  document.querySelector('video').srcObject = stream
  pc.addTransceiver('audio', { direction: 'recvonly' })
  pc.addTransceiver('video', { direction: 'recvonly' })
  pc.ontrack = ({ track }) => stream.addTrack(track)
  window.client = new WHEPClient()
  await client.view(pc, endpoint)
})`

/** The ICE ufrag that the connection uses. */
const LOCAL_UFRAG = `(async () => {
  for (const report of (await pc.getStats()).values()) {
    if (report.type === 'transport') return report.iceLocalUsernameFragment
  }
})()`

/** The kinds with RTCP sender reports; lip sync needs both. */
const REPORTED = `(async () => {
  const reports = [...(await pc.getStats()).values()]
  const remote = reports.filter(({ type }) => type === 'remote-outbound-rtp')
  return remote.map(({ kind }) => kind).sort().join(' ')
})()`

const EYEVINN_VIEW = `(async endpoint => {
  window.player = new WebRTCPlayer({
    video: document.querySelector('video'),
    type: 'whep',
    iceServers: [],
  })
  await player.load(new URL(endpoint))
})`

/** Makes the page offer VP8 as its only video codec. */
const VP8_ONLY = `
  const add = RTCPeerConnection.prototype.addTransceiver
  RTCPeerConnection.prototype.addTransceiver = function (kind, init) {
    const transceiver = add.call(this, kind, init)
    const { codecs } = RTCRtpReceiver.getCapabilities(kind)
    transceiver.setCodecPreferences(
      codecs.filter(({ mimeType }) => !/H26[45]|VP9|AV1/i.test(mimeType)))
    return transceiver
  }`

await t.test('players of other projects', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const origin = await servePlayers(t)

  for (const strictEtag of [true, false]) {
    await t.test(
      `whip-whep plays and restarts ICE with strictEtag ${strictEtag}`,
      async t => {
        const server = await LiveServer.start(t, {
          ports: 40,
          streams: { h264: H264 },
          config: { strictEtag },
        })
        const { page } = await openPage(t, browser)
        await page.addInitScript(KEEP_PEER)
        await page.goto(origin.href)
        const endpoint = JSON.stringify(server.endpoint('h264').href)
        await page.evaluate(`${WHIP_WHEP_VIEW}(${endpoint})`)
        await decodesMore(page)
        await waitFor(
          async () => (await page.evaluate(REPORTED)) === 'audio video',
          'sender reports of both kinds',
        )

        const ufrag = await page.evaluate<string>(LOCAL_UFRAG)
        await page.evaluate('client.restart()')
        await waitFor(
          async () => (await page.evaluate(LOCAL_UFRAG)) !== ufrag,
          'new ICE credentials in use',
        )
        await decodesMore(page)
        t.equal(server.sessions.of('h264')[0]?.state.at, 'connected')
        const patches = (code: string) =>
          server.observations.count('whep_requests_total', {
            route: 'PATCH /api/v3/whep/{id}/{r}',
            code,
          })
        t.ok(patches('200') > 0, 'the restart answers 200')
        // The page sends them while it plays.
        await waitFor(() => patches('204') > 0, 'later candidates to get 204')
        t.equal(patches('428') > 0, strictEtag)
        const rejections = await page.evaluate<string[]>('window.rejections')
        t.same(
          rejections.filter(text => !text.includes('428')),
          [],
        )
        t.equal(
          rejections.length > 0,
          strictEtag,
          'with strict ETags whip-whep logs one error',
        )

        await page.evaluate('client.stop()')
        t.equal(server.slotsTaken, 0)
        t.equal(server.observations.count('ice_failures_total'), 0)
      },
    )
  }

  await t.test('@eyevinn/webrtc-player', async t => {
    const server = await LiveServer.start(t, {
      ports: 40,
      streams: { h264: H264 },
    })
    const endpoint = JSON.stringify(server.endpoint('h264').href)

    await t.test(
      'Eyevinn player plays, and unload ends its session',
      async t => {
        const { page } = await openPage(t, browser)
        await page.addInitScript(KEEP_PEER)
        await page.goto(origin.href)
        await page.evaluate(`${EYEVINN_VIEW}(${endpoint})`)
        await decodesMore(page)
        await page.evaluate('player.unload()')
        t.equal(server.slotsTaken, 0)
      },
    )

    await t.test(
      'Eyevinn player stops without DELETE: DTLS ends its session',
      async t => {
        const { page } = await openPage(t, browser)
        await page.addInitScript(KEEP_PEER)
        await page.goto(origin.href)
        await page.evaluate(`${EYEVINN_VIEW}(${endpoint})`)
        await decodesMore(page)
        const deleted = () =>
          server.observations.count('whep_requests_total', {
            route: 'DELETE /api/v3/whep/{id}/{r}',
          })
        const before = deleted()
        await page.evaluate('player.stop()')
        await waitFor(() => server.slotsTaken === 0, 'a released slot')
        t.equal(deleted(), before)
        t.equal(server.observations.count('ice_failures_total'), 0)
      },
    )

    await t.test('Eyevinn player falls back to audio after a 406', async t => {
      const { page } = await openPage(t, browser)
      await page.addInitScript(KEEP_PEER + VP8_ONLY)
      await page.goto(origin.href)
      await page.evaluate(`${EYEVINN_VIEW}(${endpoint})`)
      const session = await waitFor(
        () =>
          server.sessions
            .of('h264')
            .find(({ state }) => state.at === 'connected'),
        'a session',
      )
      t.same(session.codecs, { audio: 'opus' })
      const labels = { stream_id: 'h264', kind: 'video' }
      t.equal(server.observations.count('codec_mismatches_total', labels), 2)
      await page.evaluate('player.unload()')
      t.equal(server.slotsTaken, 0)
    })
  })
})
