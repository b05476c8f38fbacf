import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'

import { MAX_PROCESSES } from '../../process/processes.ts'
import { processApi } from '../fixtures/process-api.ts'
import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

requireFfmpeg(t)

const EXPORT = 'es/export'
const IMPORT = 'es/import'
const DRY_RUN = 'es/import?dry_run=true'

const JSON_TYPE = { headers: { 'content-type': 'application/json' } }

/** A process without a stream; `address` may have a password. */
function camera(id: string, address = 'testsrc', more: object = {}) {
  return {
    id,
    input: [{ id: 'in', address, options: ['-f', 'lavfi', '-re'] }],
    output: [{ id: 'out', address: '-', options: ['-f', 'null'] }],
    autostart: false,
    ...more,
  }
}

function external(id: string, port: number) {
  const video = { codec: 'h264', port }
  return { id, webrtc: { enabled: true, ingest: 'external', video } }
}

const documentOf = (...processes: unknown[]) => ({ version: 1, processes })

t.test(
  'an export restores the list in an empty installation, passwords included',
  async t => {
    const from = await processApi(t)
    const secret = 'rtsp://admin:s3cret@camera.invalid/1'
    await from.call('POST', '', { body: camera('one', secret) })
    await from.call('POST', '', {
      body: external('export', 41_010),
    })
    await from.call('PUT', '/export/command', { body: { command: 'stop' } })
    const exported = await from.call('GET', EXPORT)
    t.equal(exported.status, 200)
    t.match(exported.headers['content-disposition'], /^attachment; /)
    t.equal(exported.headers['cache-control'], 'no-store')
    t.match(exported.json, {
      version: 1,
      processes: [
        { id: 'one', order: 'stop', input: [{ address: secret }] },
        // With autostart, but stopped by an operator.
        { id: 'export', autostart: true, order: 'stop' },
      ],
      omitted: [],
    })

    const to = await processApi(t)
    const imported = await to.call('POST', IMPORT, {
      text: exported.text,
      ...JSON_TYPE,
    })
    t.same(imported.json, {
      create: ['one', 'export'],
      update: [],
      unchanged: [],
      invalid: [],
      changes: {},
    })
    t.same((await to.call('GET', EXPORT)).json, exported.json)
    const again = await to.call('POST', IMPORT, {
      text: exported.text,
      ...JSON_TYPE,
    })
    t.match(again.json, {
      create: [],
      update: [],
      unchanged: ['one', 'export'],
    })
    t.equal((await to.call('GET', '/export/config')).status, 200)
  },
)

t.test('a dry run says what would change, and changes nothing', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: camera('same') })
  await call('POST', '', { body: camera('other') })
  const before = (await call('GET', EXPORT)).json
  const body = documentOf(
    camera('same'),
    camera('other', 'testsrc2', { order: 'start' }),
    camera('new'),
    camera('new'),
    { id: 'broken', webrtc: { enabled: true, video: { bitrate_kbit: 1 } } },
    camera('late', 'testsrc', { order: 'later' }),
    'text',
  )
  const { status, json } = await call('POST', DRY_RUN, { body })
  t.equal(status, 200)
  const bitrate = {
    field: 'webrtc.video.bitrate_kbit',
    message: 'expected a whole number from 10 to 100000, got 1',
  }
  t.match(json, {
    create: ['new'],
    update: ['other'],
    unchanged: ['same'],
    changes: { other: ['input', 'order'] },
    invalid: [
      { index: 3, id: 'new', fields: [{ field: 'id' }] },
      {
        index: 4,
        id: 'broken',
        message: `${bitrate.field}: ${bitrate.message}`,
        fields: [bitrate],
      },
      { index: 5, id: 'late', message: 'order: expected start or stop' },
      { index: 6, id: null },
    ],
  })
  t.same((await call('GET', EXPORT)).json, before)
})

t.test('an import with one invalid process changes nothing', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: camera('one') })
  const before = (await call('GET', EXPORT)).json
  const { status, json } = await call('POST', IMPORT, {
    body: documentOf(camera('one', 'testsrc2'), camera('two'), camera('')),
  })
  t.equal(status, 400)
  const field = 'processes[2].id'
  const message = 'expected 1 to 256 printable characters'
  t.same(json, {
    code: 400,
    message: 'Invalid process config',
    details: [`${field}: ${message}`],
    fields: [{ field, message }],
  })
  t.same((await call('GET', EXPORT)).json, before)
})

t.test('an import that cannot be stored changes nothing', async t => {
  const { call, dir } = await processApi(t)
  await call('POST', '', { body: camera('one') })
  const before = (await call('GET', EXPORT)).json
  // The new file cannot take the place of a folder that is not empty.
  await rm(join(dir, 'db.json'))
  await mkdir(join(dir, 'db.json', 'full'), { recursive: true })
  const body = documentOf(camera('one', 'testsrc2'), camera('two'))
  t.equal((await call('POST', IMPORT, { body })).status, 500)
  t.same((await call('GET', EXPORT)).json, before)
})

t.test('an import starts, restarts and stops processes', async t => {
  const { call } = await processApi(t)
  const isRunning = async (id: string) => {
    const { json } = await call('GET', `/${id}/state`)
    t.match(json, { exec: String })
    return JSON.stringify(json).includes('"exec":"running"')
  }
  await call('POST', '', {
    body: camera('stops', 'testsrc', { autostart: true }),
  })
  await waitFor(() => isRunning('stops'))
  const body = documentOf(
    camera('stops', 'testsrc', { autostart: true, order: 'stop' }),
    camera('starts', 'testsrc', { order: 'start' }),
  )
  const { json } = await call('POST', IMPORT, { body })
  t.match(json, { create: ['starts'], changes: { stops: ['order'] } })
  t.equal(await isRunning('stops'), false)
  await waitFor(() => isRunning('starts'))
})

t.test('an import swaps the ports of two streams', async t => {
  const { call, streams } = await processApi(t)
  await call('POST', IMPORT, {
    body: documentOf(external('a', 41_020), external('b', 41_022)),
  })
  const { status } = await call('POST', IMPORT, {
    body: documentOf(external('a', 41_022), external('b', 41_020)),
  })
  t.equal(status, 200)
  t.match((await call('GET', '/a/config')).json, {
    webrtc: { video: { port: 41_022 } },
  })
  t.ok(streams)
})

t.test('an import rejects what is no document, naming the field', async t => {
  const { call } = await processApi(t)
  const tooMany = Array.from({ length: MAX_PROCESSES + 1 }, () => ({}))
  for (const [body, field] of [
    [[], 'document'],
    [{ processes: [] }, 'version'],
    [{ version: 2, processes: [] }, 'version'],
    [{ version: 1 }, 'processes'],
    [documentOf(...tooMany), 'processes'],
  ] as const) {
    const { status, json } = await call('POST', DRY_RUN, { body })
    t.equal(status, 400)
    t.match(json, { fields: [{ field }] })
  }
})

t.test('an import above MAX_PROCESSES is rejected', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: camera('one') })
  const many = Array.from({ length: MAX_PROCESSES }, (_, at) =>
    camera(`c${at}`),
  )
  const body = documentOf(...many)
  for (const path of [DRY_RUN, IMPORT]) {
    const { status, json } = await call('POST', path, { body })
    t.equal(status, 400)
    t.match(json, { message: 'Too many processes' })
  }
  t.match((await call('GET', EXPORT)).json, { processes: { length: 1 } })
})

t.test('a mistyped dry_run does not import', async t => {
  const { call } = await processApi(t)
  const body = documentOf(camera('one'))
  for (const value of ['1', 'yes', '', 'true&dry_run=false']) {
    const { status } = await call('POST', `${IMPORT}?dry_run=${value}`, {
      body,
    })
    t.equal(status, 400, value)
  }
  t.match((await call('GET', EXPORT)).json, { processes: { length: 0 } })
})
