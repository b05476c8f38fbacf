/** The player page in Chromium, on real HTTP, worker and FFmpeg. */
import t from 'tap'
import { waitFor } from '../../../../shared/test/fixtures/wait-for.ts'
import { untilLive } from '../../fixtures/media-stack.ts'
import {
  decodes,
  hasSaid,
  keepWords,
  openPage,
  hasState,
  startChromium,
  wordsOf,
} from '../fixtures/chromium.ts'
import { H264, LiveServer, VP8 } from '../fixtures/live-server.ts'
import { prefixProxy } from '../fixtures/prefix-proxy.ts'

await t.test('the player page', async t => {
  const browser = await startChromium(t)
  if (browser === undefined) return
  const server = await LiveServer.start(t, {
    streams: {
      h264: H264,
      vp8: VP8,
      sound: { video: { codec: 'none' } },
      picture: { audio: { codec: 'none' } },
    },
    config: { publicBasePath: '/live' },
  })
  const idle = server.portsInUse
  const at = (path: string) => new URL(path, server.base).href

  await t.test(
    'the page plays a stream from the list until it is left',
    async t => {
      const { page, errors } = await openPage(t, browser)
      await page.goto(at('/'))
      t.same(await page.locator('#streams a').allTextContents(), [
        'h264',
        'vp8',
        'sound',
        'picture',
      ])
      await page.getByRole('link', { name: 'h264' }).click()
      await hasState(page, 'playing')
      await decodes(page, 20)
      t.match(await page.locator('#numbers').textContent(), /^320×180, /)
      const kinds = await page.evaluate(
        "document.querySelector('video').srcObject.getTracks()" +
          ".map(track => track.kind).sort().join(' ')",
      )
      t.equal(kinds, 'audio video')
      t.same(errors, [])
      await page.goto('about:blank')
      await server.settles(idle)
      t.equal(server.observations.count('ice_failures_total'), 0)
    },
  )

  for (const path of ['/live/player/vp8', '/player/vp8', '/player/vp8/']) {
    await t.test(`${path} plays`, async t => {
      const { page, errors } = await openPage(t, browser)
      await page.goto(at(path))
      await hasState(page, 'playing')
      await decodes(page, 5)
      t.same(errors, [])
      await page.goto('about:blank')
      await server.settles(idle)
    })
  }

  await t.test(
    'the pages work behind a proxy that strips the base path',
    async t => {
      const proxied = await prefixProxy(t, server.base, '/live')
      const { page, errors } = await openPage(t, browser)
      await page.goto(proxied.href)
      await page.getByRole('link', { name: 'vp8' }).click()
      await hasState(page, 'playing')
      await page.getByRole('link', { name: 'All streams' }).click()
      await page.getByRole('heading', { name: 'Streams' }).waitFor()
      await server.settles(idle)
      t.same(errors, [])
    },
  )

  await t.test('a stream without video shows only the controls', async t => {
    const { page, errors } = await openPage(t, browser)
    await page.goto(at('/player/sound'))
    await hasState(page, 'playing')
    const box = await page.locator('#video').boundingBox()
    t.ok(box && box.height < 100, 'no picture area is shown')
    await page.getByRole('button', { name: 'Turn sound on' }).click()
    await page.getByRole('button', { name: 'Turn sound off' }).waitFor()
    t.same(errors, [])
  })

  await t.test('a stream without audio has no sound button', async t => {
    const { page, errors } = await openPage(t, browser)
    await page.goto(at('/player/picture'))
    await hasState(page, 'playing')
    await decodes(page, 5)
    t.notOk(await page.getByText('Turn sound on').isVisible())
    t.same(errors, [])
    await page.goto('about:blank')
    await server.settles(idle)
  })

  await t.test('the page explains errors and retries', async t => {
    const { page } = await openPage(t, browser)
    await keepWords(page)
    await page.goto(at('/player/nobody'))
    await hasState(page, 'failed', 'There is no stream called nobody')
    await page.goto(at('/player/%E0'))
    await hasState(page, 'failed', 'There is no stream called %E0')
    await page.goto(at('/player/h264'))
    await hasState(page, 'playing')
    const [kicked] = server.sessions.of('h264')
    kicked?.end('kicked')
    await hasSaid(page, 'The server ended this view. Trying again')
    const back = await waitFor(() => server.sessions.of('h264')[0], 'a retry')
    await hasState(page, 'playing')
    await page.getByRole('button', { name: 'Start again' }).click()
    await waitFor(
      () => server.sessions.of('h264').some(session => session !== back),
      'another session',
    )
    await hasState(page, 'playing')
    await page.goto('about:blank')
    await server.settles(idle)
  })

  await t.test(
    'the page restores a lost connection by an ICE restart',
    async t => {
      const { page } = await openPage(t, browser)
      await page.goto(at('/player/h264'))
      await hasState(page, 'playing')
      const pids = server.stack.engine.workers.map(({ pid }) => pid)
      const resume = () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT')
      }
      t.teardown(resume)
      const patching = page.waitForRequest(request => {
        return request.method() === 'PATCH'
      })
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      await hasState(page, 'starting', 'The connection was lost')
      await patching
      resume()
      await hasState(page, 'playing')
      await waitFor(
        () =>
          server.observations.count('whep_requests_total', {
            route: 'PATCH /api/v3/whep/{id}/{r}',
            code: '200',
          }) === 1,
        'the restart',
      )
      t.equal(server.sessions.of('h264').length, 1)
      await page.goto('about:blank')
      await server.settles(idle)
    },
  )

  await t.test(
    'a connection that returns during an ICE restart is kept',
    async t => {
      const { page } = await openPage(t, browser)
      await keepWords(page)
      const patching = Promise.withResolvers<undefined>()
      const release = Promise.withResolvers<undefined>()
      await page.route('**/api/**', async route => {
        if (route.request().method() === 'PATCH') {
          patching.resolve(undefined)
          await release.promise
        }
        await route.continue()
      })
      await page.goto(at('/player/h264'))
      await hasState(page, 'playing')
      const [before] = server.sessions.of('h264')
      const pids = server.stack.engine.workers.map(({ pid }) => pid)
      const resume = () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT')
      }
      t.teardown(resume)
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      await patching.promise
      resume()
      await hasState(page, 'playing')
      release.resolve(undefined)
      // Longer than the timeout of a restart.
      const count = (await wordsOf(page)).length
      const frames = Number(await page.getAttribute('body', 'data-frames'))
      await decodes(page, frames + 15 * 8)
      t.same(
        (await wordsOf(page)).slice(count),
        [],
        'the status does not change again',
      )
      t.same(server.sessions.of('h264'), [before])
      await page.goto('about:blank')
      await server.settles(idle)
    },
  )

  await t.test(
    'the page shows that a source is silent until it is back',
    async t => {
      const { page } = await openPage(t, browser)
      await page.goto(at('/player/vp8'))
      await hasState(page, 'playing')
      // Until its rhythm is known, a source may pause for half a minute.
      await decodes(page, 15 * 5)
      server.pause('vp8')
      await hasState(page, 'still', 'The picture stands still')
      server.resume('vp8')
      await hasState(page, 'playing')
      t.equal(server.sessions.of('vp8').length, 1, 'the session is kept')
      // A failed leg is live again at its next poll, after the page plays.
      const stream = server.stack.streams.find('vp8')
      if (stream === undefined) throw new Error('There is no stream vp8')
      await untilLive(stream)
      await page.goto('about:blank')
      await server.settles(idle)
    },
  )

  await t.test('the list follows the state of the streams', async t => {
    const { page, errors } = await openPage(t, browser)
    await page.goto(at('/'))
    const item = (words: string) =>
      page.locator('#streams li', { hasText: words })
    t.equal(await item('not live').count(), 0)
    await server.stack.streams.find('picture')?.stop()
    await item('picture not live').waitFor()
    t.same(errors, [])
  })
})
