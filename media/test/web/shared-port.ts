/** Many viewers on one port, through the whole media process. */
import t from 'tap'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { wholeApp } from '../fixtures/whole-app.ts'
import { CHROMIUM } from '../whep/fixtures/offers.ts'

const VIEWERS = 200

t.setTimeout(120_000)

t.test(`${VIEWERS} POSTs at once share one port`, async t => {
  const { min: port } = await takePorts(1)
  const app = await wholeApp(t, {
    CORE_WEBRTC_MUX_PORT: `${port}`,
    CORE_WEBRTC_MAX_PEERS_PER_STREAM: '0',
    CORE_WEBRTC_MAX_PEERS_TOTAL: `${VIEWERS}`,
    // None connects; each must keep its place until it is deleted.
    CORE_WEBRTC_ICE_TIMEOUT_MS: '120000',
  })
  await app.addDemo()
  const post = () =>
    fetch(`${app.origin}/api/v3/whep/demo`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: CHROMIUM,
    })
  const responses = await Promise.all(Array.from({ length: VIEWERS }, post))
  t.ok(responses.every(({ status }) => status === 201))
  const answers = await Promise.all(responses.map(one => one.text()))
  const candidates = answers.map(
    answer => /^a=candidate:\S+ 1 udp \d+ \S+ (\d+) /m.exec(answer)?.[1],
  )
  t.same(new Set(candidates), new Set([`${port}`]))
  const names = answers.map(answer => /^a=ice-ufrag:(\S+)/m.exec(answer)?.[1])
  t.equal(new Set(names).size, VIEWERS, 'each has a name of its own')
  t.equal((await post()).status, 503, 'the cap holds')
  for (const response of responses) {
    const location = response.headers.get('Location') ?? ''
    const { status } = await fetch(app.origin + location, { method: 'DELETE' })
    if (status !== 204) t.fail(`DELETE got ${status}`)
  }
  t.equal((await post()).status, 201, 'a place is free again')
})
