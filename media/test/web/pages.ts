import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { assertNoCorsProblem } from '../whep/fixtures/assertions.ts'
import { FakeViewerStream } from '../whep/fixtures/fake-viewer-stream.ts'
import { WhepServer } from '../whep/fixtures/whep-server.ts'
import { rawStatus } from './fixtures/raw-request.ts'

t.test('the list shows only ids and whether they are live', async t => {
  const server = await WhepServer.start(t, {
    streams: [new FakeViewerStream('cam:1@home', { video: 'h264' })],
  })
  server.vp8.live = false
  const response = await server.request('/')
  t.equal(response.status, 200)
  const html = await response.text()
  t.match(
    html,
    '<li class="live"><a href="player/av">av</a> <span>live</span></li>',
  )
  t.match(html, '<li><a href="player/vp8">vp8</a> <span>not live</span></li>')
  t.match(html, '<a href="player/cam%3A1%40home">cam:1@home</a>')
  t.notMatch(html, /started_at|peers|degraded/)
})

t.test('the list shows the fault of a stream', async t => {
  const server = await WhepServer.start(t)
  server.av.fault = 'video: a <b> & c'
  server.vp8.live = false
  server.vp8.fault = 'audio: no RTP arrives'
  const html = await (await server.request('/')).text()
  t.match(
    html,
    '<li class="live degraded"><a href="player/av">av</a> <span>live</span> ' +
      '<p>video: a &lt;b&gt; &amp; c</p></li>',
  )
  t.match(
    html,
    '<li class="degraded"><a href="player/vp8">vp8</a> ' +
      '<span>not live</span> <p>audio: no RTP arrives</p></li>',
  )
})

t.test('with a viewer token set, the list is empty', async t => {
  const server = await WhepServer.start(t, { config: { whepToken: 'secret' } })
  const html = await (await server.request('/')).text()
  t.notMatch(html, /player\/av/)
  t.match(html, 'name="id"')
})

t.test(
  'pages load nothing from other origins and run nothing inline',
  async t => {
    const server = await WhepServer.start(t)
    for (const path of ['/', '/player/av', '/admin/']) {
      const response = await server.request(path)
      const policy = response.headers.get('Content-Security-Policy') ?? ''
      t.match(policy, /default-src 'none'/)
      t.notMatch(policy, /unsafe/)
      t.equal(response.headers.get('X-Content-Type-Options'), 'nosniff')
      const html = await response.text()
      t.notMatch(html, /<script(?![^>]* src=)|<style|https?:| on\w+=/)
      for (const [, link = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
        if (link === 'data:,') continue
        t.notMatch(link, /^\//, 'links are relative: they work under any path')
        const linked = await server.request(
          new URL(link, new URL(path, server.base)).pathname,
        )
        t.equal(linked.status, 200, link)
      }
    }
  },
)

t.test('every file of a page is served, with 304 if unchanged', async t => {
  const server = await WhepServer.start(t)
  const folder = new URL('../../web/static/', import.meta.url)
  const names = await readdir(folder, { recursive: true })
  t.ok(names.includes('admin/main.js'))
  for (const name of names.filter(name => /\.(?:html|css|js)$/.test(name))) {
    const response = await server.request(`/static/${name}`)
    t.equal(response.status, 200, name)
    t.equal(
      await response.text(),
      await readFile(new URL(name, folder), 'utf8'),
    )
    const etag = response.headers.get('ETag') ?? ''
    const again = await rawStatus(new URL(`/static/${name}`, server.base), {
      'If-None-Match': etag,
    })
    t.equal(again, 304)
  }
  const others = ['tsconfig.json', 'constructor', 'none.js', 'admin', 'admin/']
  for (const name of ['../web.ts', '..%2Fweb.ts', ...others]) {
    const response = await server.request(`/static/${name}`)
    t.equal(response.status, 404, name)
  }
})

t.test(
  'pages work under a base path, stripped by the proxy or not',
  async t => {
    const server = await WhepServer.start(t, {
      config: { publicBasePath: '/live' },
    })
    const paths = ['/live/', '/', '/live/player/av', '/player/av']
    for (const path of [...paths, '/live/admin/', '/admin/']) {
      t.equal((await server.request(path)).status, 200, path)
    }
    const bare = await server.request('/live', { redirect: 'manual' })
    t.equal(bare.status, 308)
    t.equal(bare.headers.get('Location'), '/live/')
    const slash = await server.request('/player/av/', { redirect: 'manual' })
    t.equal(slash.headers.get('Location'), '../av')
    const admin = await server.request('/admin', { redirect: 'manual' })
    t.equal(admin.headers.get('Location'), 'admin/')
  },
)

t.test('/ping and /api reveal no details', async t => {
  const server = await WhepServer.start(t)
  t.equal(await (await server.request('/ping')).text(), 'pong')
  t.same(await (await server.request('/api')).json(), {
    app: 'dragonfork-webrtc',
    auths: [],
    version: { number: '0.0.0' },
  })
})

t.test('methods other than GET and HEAD get 405', async t => {
  const server = await WhepServer.start(t)
  for (const path of [
    '/',
    '/player/av',
    '/admin/',
    '/static/style.css',
    '/ping',
    '/api',
  ]) {
    const response = await server.request(path, { method: 'POST' })
    await assertNoCorsProblem(t, response, 405, 'method-not-allowed')
    t.same(response.headers.get('Allow')?.split(', ').toSorted(), [
      'GET',
      'HEAD',
    ])
  }
})
