import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { once } from 'node:events'
import t from 'tap'
import { closeServer, listen } from '../../listen.ts'
import { createTlsServer } from '../../web/tls.ts'
import { createMemoryLog } from '../fixtures/memory-log.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures')

t.test('the certificate is read again when its files change', async t => {
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
  const { log, of } = createMemoryLog()
  const server = createTlsServer(
    files,
    (_request, response) => response.end('here'),
    log,
  )
  t.teardown(() => closeServer(server))
  const { port } = await listen(
    server,
    { host: '127.0.0.1', port: 0 },
    'X',
    log,
  )

  /** The name in the certificate that a new connection is shown. */
  const shownName = async () => {
    const socket = connect({ port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return CN
  }

  t.equal(await shownName(), 'first.example')
  put('second', 'cert')
  t.equal(await shownName(), 'first.example', 'half a pair is not taken')
  t.equal(of('certificate not taken').length, 1)
  await shownName()
  t.equal(of('certificate not taken').length, 1, 'said once')
  put('second', 'key')
  t.equal(await shownName(), 'second.example')
  t.equal(of('certificate taken').length, 1)
})
