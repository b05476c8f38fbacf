import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'

import t from 'tap'
import { request } from 'undici'

import { requireFfmpeg } from '../fixtures/require-ffmpeg.ts'
import { processApi } from '../fixtures/process-api.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'

requireFfmpeg(t)

/** Upstream's own example (http/handler/api/fixtures/addProcess.json). */
const TEST = {
  id: 'test',
  type: 'ffmpeg',
  reference: 'a/ref',
  options: ['-err_detect', 'ignore_err'],
  input: [
    {
      address: 'testsrc=size=64x64:rate=25',
      id: 'in',
      options: ['-f', 'lavfi', '-re'],
    },
  ],
  output: [
    {
      address: '-',
      id: 'out',
      options: ['-codec:v', 'rawvideo', '-f', 'null'],
    },
  ],
  autostart: false,
  reconnect: true,
  reconnect_delay_seconds: 10,
  stale_timeout_seconds: 10,
}

t.test('POST adds a process and returns its whole config', async t => {
  const { call } = await processApi(t)
  const added = await call('POST', '', { body: TEST })
  t.equal(added.status, 200)
  t.match(added.headers['content-type'], /^application\/json/)
  const config = {
    ...TEST,
    output: [{ ...TEST.output[0], cleanup: [] }],
    limits: { cpu_usage: 0, memory_mbytes: 0, waitfor_seconds: 0 },
    webrtc: { enabled: false },
  }
  t.same(added.json, config)
  t.same((await call('GET', '/test/config')).json, config)
})

t.test('POST fills in ids and defaults and starts the process', async t => {
  const { call } = await processApi(t)
  const { json } = await call('POST', '', {
    body: {
      input: [{ address: 'testsrc', options: ['-f', 'lavfi', '-re'] }],
      output: [{ address: '-', options: ['-f', 'null'] }],
    },
  })
  t.match(json, {
    id: /^made-up-/,
    type: 'ffmpeg',
    input: [{ id: /^made-up-/ }],
    output: [{ id: /^made-up-/ }],
    autostart: true,
    reconnect: false,
  })
  const all = await call('GET', '?filter=state')
  t.match(all.json, [{ state: { order: 'start' } }])
})

t.test('GET of a process returns config, state and report', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const { json } = await call('GET', '/test')
  t.match(json, {
    id: 'test',
    type: 'ffmpeg',
    reference: 'a/ref',
    created_at: Number,
    updated_at: Number,
    config: { id: 'test' },
    state: {
      order: 'stop',
      exec: 'finished',
      runtime_seconds: 0,
      reconnect_seconds: -1,
      last_logline: '',
      progress: {
        inputs: [],
        outputs: [],
        frame: 0,
        packet: 0,
        fps: 0,
        q: 0,
        size_kb: 0,
        time: 0,
        bitrate_kbit: 0,
        speed: 0,
        drop: 0,
        dup: 0,
      },
      memory_bytes: 0,
      cpu_usage: 0,
      command: [],
    },
    report: { created_at: Number, prelude: [], log: [], history: [] },
  })
})

t.test('the commands start, restart, reload and stop are executed', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const command = (name: string) =>
    call('PUT', '/test/command', { body: { command: name } })
  const state = async () => {
    const { json } = await call('GET', '/test/state')
    return json as {
      exec: string
      order: string
      memory_bytes: number
      progress: { frame: number }
    }
  }
  const started = await command('start')
  t.equal(started.status, 200)
  t.equal(started.text, '"OK"')
  t.match(started.headers['content-type'], /^application\/json/)
  await waitFor(async () => (await state()).progress.frame > 0)
  await waitFor(async () => (await state()).memory_bytes > 0)
  t.match(await state(), { order: 'start', exec: 'running' })
  for (const [name, runs] of [
    ['restart', 1],
    ['reload', 2],
  ] as const) {
    t.equal((await command(name)).status, 200)
    await waitFor(async () => {
      const { json } = await call('GET', '/test/report')
      return (json as { history: object[] }).history.length === runs
    })
    await waitFor(async () => (await state()).progress.frame > 0)
  }
  t.equal((await command('stop')).status, 200)
  t.match(await state(), { order: 'stop', exec: 'finished' })
  await command('restart')
  t.match(await state(), { order: 'stop', exec: 'finished' })
  const { json } = await call('GET', '/test/report')
  t.match(json, {
    prelude: /Input #0, lavfi/,
    log: [[/^\d+$/, String]],
    exit_state: 'finished',
    history: [{ exit_state: 'finished' }, { exit_state: 'finished' }],
  })
})

t.test('an unknown command gets 400 with the known ones', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const { status, json } = await call('PUT', '/test/command', {
    body: { command: 'dance' },
  })
  t.equal(status, 400)
  t.same(json, {
    code: 400,
    message: 'Unknown command provided',
    details: ['Known commands are: start, stop, reload, restart'],
  })
})

t.test('PUT changes the given fields, including the id', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const changed = await call('PUT', '/test', {
    body: { id: 'test2', reference: 'b', limits: { memory_mbytes: 64 } },
  })
  t.equal(changed.status, 200)
  t.match(changed.json, {
    id: 'test2',
    reference: 'b',
    reconnect_delay_seconds: 10,
    limits: { cpu_usage: 0, memory_mbytes: 64 },
  })
  t.equal((await call('GET', '/test')).status, 404)
  t.equal((await call('GET', '/test2')).status, 200)
})

t.test('PUT with replace=true removes the keys that it lacks', async t => {
  const { call } = await processApi(t)
  const backoff = { reconnect_backoff: { max_seconds: 60, jitter: 0.1 } }
  await call('POST', '', { body: { ...TEST, ...backoff } })
  const { id, ...body } = TEST
  const kept = await call('PUT', `/${id}`, { body })
  t.match(kept.json, backoff)
  const replaced = await call('PUT', `/${id}?replace=true`, { body })
  t.match(replaced.json, body)
  t.notOk(Object.hasOwn(Object(replaced.json), 'reconnect_backoff'))
})

t.test('a rejected PUT changes nothing', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const { status, json } = await call('PUT', '/test', {
    body: { output: [{ address: '' }], options: [1] },
  })
  t.equal(status, 400)
  t.same(json, {
    code: 400,
    message: "Process can't be updated",
    details: [
      'output[0].address: expected an address',
      'options[0]: expected text, got 1',
    ],
    fields: [
      { field: 'output[0].address', message: 'expected an address' },
      { field: 'options[0]', message: 'expected text, got 1' },
    ],
  })
  t.match((await call('GET', '/test/config')).json, { output: TEST.output })
})

t.test('DELETE removes a process', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: { ...TEST, autostart: true } })
  const removed = await call('DELETE', '/test')
  t.equal(removed.status, 200)
  t.equal(removed.text, '"OK"')
  t.equal((await call('GET', '/test')).status, 404)
  t.same((await call('GET', '')).json, [])
})

t.test('an unknown id gets 404 on every route', async t => {
  const { call } = await processApi(t)
  const answers = [
    await call('GET', '/nobody'),
    await call('GET', '/nobody/config'),
    await call('GET', '/nobody/state'),
    await call('GET', '/nobody/report'),
    await call('DELETE', '/nobody'),
    await call('PUT', '/nobody/command', { body: { command: 'stop' } }),
  ]
  for (const { status, json } of answers) {
    t.equal(status, 404)
    t.same(json, {
      code: 404,
      message: 'Unknown process ID',
      details: ['No process has the id "nobody"'],
    })
  }
  const { status, json } = await call('PUT', '/nobody', { body: {} })
  t.equal(status, 404)
  t.match(json, { code: 404, message: 'Process not found' })
})

t.test('a second process with the same id gets 400', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const twice = await call('POST', '', { body: TEST })
  t.equal(twice.status, 400)
  t.match(twice.json, {
    details: ['A process with the id "test" already exists'],
    fields: [{ field: 'id' }],
  })
  await call('POST', '', { body: { ...TEST, id: 'other' } })
  const renamed = await call('PUT', '/other', { body: { id: 'test' } })
  t.equal(renamed.status, 400)
  t.equal((await call('GET', '/other')).status, 200)
})

t.test('the list is filtered as in upstream', async t => {
  const { call } = await processApi(t)
  for (const [id, reference] of [
    ['cam:1', 'hall'],
    ['cam:2', 'yard'],
    ['mic', 'hall'],
  ]) {
    await call('POST', '', { body: { ...TEST, id, reference } })
  }
  const ids = async (query: string) => {
    const { json } = await call('GET', `?filter=none&${query}`)
    return (json as { id: string }[]).map(({ id }) => id)
  }
  t.same(await ids(''), ['cam:1', 'cam:2', 'mic'])
  t.same(await ids('id=mic,cam:1'), ['cam:1', 'mic'])
  t.same(await ids('reference=hall'), ['cam:1', 'mic'])
  t.same(await ids('reference=hall&id=cam:2'), ['cam:1', 'mic'])
  t.same(await ids('idpattern=cam:*'), ['cam:1', 'cam:2'])
  t.same(await ids('idpattern=cam:*&refpattern=?ard'), ['cam:2'])
  t.same(await ids('idpattern=x*'), [])
})

t.test('filter selects the parts in the response', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const parts = async (filter: string) => {
    const { json } = await call('GET', `/test?filter=${filter}`)
    return Object.keys(json as object)
  }
  const always = ['id', 'type', 'reference', 'created_at', 'updated_at']
  t.same(await parts(''), [...always, 'config', 'state', 'report'])
  t.same(await parts('config'), [...always, 'config'])
  t.same(await parts('state,report'), [...always, 'state', 'report'])
})

t.test('an id with characters that a URL must escape is found', async t => {
  const { call } = await processApi(t)
  const id = 'a/b c?d%ä'
  t.equal((await call('POST', '', { body: { ...TEST, id } })).status, 200)
  const path = `/${encodeURIComponent(id)}`
  t.match((await call('GET', path)).json, { id })
  t.equal((await call('DELETE', path)).status, 200)
})

t.test('HEAD gets no body, other methods get 405', async t => {
  const { call } = await processApi(t)
  await call('POST', '', { body: TEST })
  const head = await call('HEAD', '/test')
  t.equal(head.status, 200)
  t.equal(head.text, '')
  const patched = await call('PATCH', '/test')
  t.equal(patched.status, 405)
  t.equal(patched.headers['allow'], 'HEAD, GET, PUT, DELETE')
})

t.test(
  'a body that is too large, not JSON or of another type is rejected',
  async t => {
    const { call, origin } = await processApi(t)
    const text = JSON.stringify(TEST)
    const post = (headers: Record<string, string>, sent = text) =>
      call('POST', '', { text: sent, headers })
    const json = { 'content-type': 'application/json; charset=utf-8' }
    t.equal((await post({ 'content-type': 'text/plain' })).status, 415)
    t.equal((await post({ origin: 'http://evil.example' })).status, 415)
    t.equal((await post({})).status, 200)
    t.match((await post(json, '{"id":')).json, {
      code: 400,
      message: 'Invalid JSON',
      details: [/JSON/],
    })
    t.equal((await post(json, '')).status, 400)
    t.equal((await post(json, '[]')).status, 400)
    t.equal((await post(json, 'null')).status, 400)
    const large = JSON.stringify({
      ...TEST,
      reference: 'x'.repeat(1024 * 1024),
    })
    t.match((await post(json, large)).json, {
      code: 413,
      message: 'Request body too large',
      details: [/^The body is at least \d+ bytes, the limit is 1048576$/],
    })
    const spaces = Array.from({ length: 32 }, () => Buffer.alloc(65_536, 0x20))
    const chunked = await request(`${origin}/api/v3/process`, {
      method: 'POST',
      headers: json,
      body: Readable.from(spaces),
    })
    await chunked.body.dump()
    t.equal(chunked.statusCode, 413)
  },
)

t.test('a change that cannot be stored gets 500 without details', async t => {
  const { call, dir, errors } = await processApi(t)
  // Even root cannot write a file where a folder is.
  await mkdir(join(dir, 'db.json.tmp'))
  t.match(await call('POST', '', { body: TEST }), {
    status: 500,
    json: { code: 500, message: 'Internal error', details: [] },
  })
  t.equal(errors.length, 1)
  await rmdir(join(dir, 'db.json.tmp'))
  t.equal((await call('POST', '', { body: TEST })).status, 200)
})
