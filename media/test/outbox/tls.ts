import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import {
  createServer,
  getCACertificates,
  setDefaultCACertificates,
} from 'node:tls'
import t, { type Test } from 'tap'

import { FakeClock } from '../../../shared/test/fixtures/fake-clock.ts'
import {
  legFailure,
  startExporter,
  startOutbox,
  totalOf,
} from './fixtures/outbox.ts'

t.test('link reaches an exporter over TLS once it trusts it', async t => {
  const trusted = getCACertificates('default')
  t.teardown(() => {
    setDefaultCACertificates(trusted)
  })
  for (const host of ['localhost', '127.0.0.1']) {
    const exporter = await startExporter(t)
    const clock = new FakeClock()
    const url = await startTlsProxy(t, exporter.url, host)
    const { outbox, logged } = startOutbox(t, url, { clock })
    outbox.report(legFailure('cam'))
    await clock.until(() => logged('cannot reach exporter').length === 1, 10)
    t.equal(exporter.connections, 0)
    setDefaultCACertificates([...trusted, tlsFile('cert')])
    await clock.until(() => exporter.observed === 1, 50)
    t.equal(totalOf(exporter), 1, host)
    setDefaultCACertificates(trusted)
  }
})

function tlsFile(kind: 'cert' | 'key'): string {
  const name = `../../../shared/test/fixtures/tls-first.${kind}.pem`
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

/** Starts a server that forwards TLS connections to `target` in the clear. */
async function startTlsProxy(t: Test, target: URL, host: string): Promise<URL> {
  const server = createServer(
    { cert: tlsFile('cert'), key: tlsFile('key') },
    socket => {
      const inner = connect(Number(target.port), target.hostname)
      for (const end of [socket, inner]) end.on('error', () => undefined)
      socket.pipe(inner).pipe(socket)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return new URL(`wss://${host}:${port ?? 0}${target.pathname}`)
}
