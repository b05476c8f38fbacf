import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { once } from 'node:events'
import t from 'tap'
import { closeServer, listen } from '../../runtime/http-server.ts'
import { createTlsServer } from '../../runtime/tls.ts'
import { memoryLog } from '../fixtures/memory-log.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures')

t.test('server reloads the certificate when its files change', async t => {
  const folder = t.testdir()
  const files = {
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
  }
  const put = (name: string, part: 'cert' | 'key') => {
    const target = part === 'cert' ? files.certFile : files.keyFile
    copyFileSync(join(FIXTURES, `tls-${name}.${part}.pem`), target)
  }
  put('first', 'cert')
  put('first', 'key')
  const { log, of } = memoryLog()
  const server = createTlsServer(
    files,
    {},
    (_request, response) => response.end('here'),
    log,
  )
  t.teardown(() => closeServer(server, 1_000))
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 }, log)

  /** The common name in the certificate of a new connection. */
  const shownName = async () => {
    const socket = connect({ port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return CN
  }

  t.equal(await shownName(), 'first.example')
  put('second', 'cert')
  t.equal(
    await shownName(),
    'first.example',
    'certificate and key do not match',
  )
  t.equal(of('cannot reload certificate').length, 1)
  await shownName()
  t.equal(of('cannot reload certificate').length, 1, 'logged once')
  put('second', 'key')
  t.equal(await shownName(), 'second.example')
  t.equal(of('certificate reloaded').length, 1)
})
