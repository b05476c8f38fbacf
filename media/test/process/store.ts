import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import t from 'tap'

import { ProcessStore, type StoredProcess } from '../../process/store.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { temporaryFolder } from '../../../shared/test/fixtures/temporary-folder.ts'

const NOW = new Date('2026-11-22T10:20:30.456Z')
const WRITER = new URL('../fixtures/crashing-writer.ts', import.meta.url)

function process1(id: string): StoredProcess {
  return {
    id,
    reference: 'ref',
    config: { id },
    created_at: 1,
    updated_at: 2,
    order: 'start',
  }
}

async function open(dir: string) {
  const { log, records } = memoryLog()
  const { pid } = process
  const store = await ProcessStore.open({ dir, log, now: NOW, pid })
  return { store, records }
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  const value: unknown = JSON.parse(await readFile(path, 'utf8'))
  return typeof value === 'object' ? { ...value } : {}
}

t.test('open() creates the folder, with an empty list', async t => {
  const dir = join(await temporaryFolder(t), 'a', 'b')
  const { store, records } = await open(dir)
  t.same(store.list(), [])
  t.equal(store.size, 0)
  t.same(records, [])
  t.same(await readdir(dir), ['db.lock'], 'no file is written yet')
})

t.test("put() writes the process in upstream's format", async t => {
  const dir = await temporaryFolder(t)
  const { store } = await open(dir)
  await store.put(process1('a'))
  t.same(await readJson(join(dir, 'db.json')), {
    version: 4,
    process: { a: process1('a') },
    metadata: { system: {}, process: {} },
  })
  await store.close()
  t.same(await readdir(dir), ['db.json'])
  const again = await open(dir)
  t.same(again.store.list(), [process1('a')])
})

t.test('concurrent changes are all made', async t => {
  const dir = await temporaryFolder(t)
  const { store } = await open(dir)
  const ids = Array.from({ length: 50 }, (_, at) => `p${at}`)
  await Promise.all(ids.map(id => store.put(process1(id))))
  await Promise.all(ids.slice(1).map(id => store.remove(id)))
  const again = await open(dir)
  t.same(
    again.store.list().map(({ id }) => id),
    ['p0'],
  )
})

t.test('a process with a new id keeps its place and metadata', async t => {
  const dir = await temporaryFolder(t)
  const database = {
    version: 4,
    process: { a: process1('a'), b: process1('b'), c: process1('c') },
    metadata: { system: {}, process: { b: { note: 1 } } },
  }
  await writeFile(join(dir, 'db.json'), JSON.stringify(database))
  const { store } = await open(dir)
  await store.put(process1('x'), 'b')
  t.same(
    store.list().map(({ id }) => id),
    ['a', 'x', 'c'],
  )
  t.same(store.metadata('x'), { note: 1 })
  t.equal(store.metadata('b'), undefined)
  await store.remove('x')
  t.match(await readJson(join(dir, 'db.json')), { metadata: { process: {} } })
  t.equal(store.metadata('x'), undefined)
})

t.test('unknown fields of a newer version stay in the file', async t => {
  const dir = await temporaryFolder(t)
  const database = {
    version: 4,
    future: { x: 1 },
    process: { a: { ...process1('a'), owner: 'me' } },
    metadata: { system: { y: 2 }, process: {}, more: 3 },
  }
  await writeFile(join(dir, 'db.json'), JSON.stringify(database))
  const { store } = await open(dir)
  await store.put({ ...process1('a'), order: 'stop' })
  await store.put(process1('b'))
  t.same(await readJson(join(dir, 'db.json')), {
    ...database,
    process: {
      a: { ...process1('a'), order: 'stop', owner: 'me' },
      b: process1('b'),
    },
  })
})

t.test('an id may be a property name of Object.prototype', async t => {
  const dir = await temporaryFolder(t)
  const { store } = await open(dir)
  for (const id of ['__proto__', 'constructor', 'toString']) {
    t.notOk(store.has(id))
    await store.put(process1(id))
    t.ok(store.has(id))
  }
  const again = await open(dir)
  t.equal(again.store.size, 3)
  await again.store.remove('__proto__')
  t.equal(again.store.size, 2)
})

for (const [what, text] of [
  ['that is cut off', '{"version":4,"process":{"a":{"id":"a"'],
  ['that is empty', ''],
  ['that is not an object', '[]'],
  ['without a version', '{"process":{}}'],
  ['whose processes are a list', '{"version":4,"process":[]}'],
] as const) {
  t.test(`a file ${what} is renamed and logged`, async t => {
    const dir = await temporaryFolder(t)
    await writeFile(join(dir, 'db.json'), text)
    const { store, records } = await open(dir)
    t.same(store.list(), [])
    await store.put(process1('a'))
    const kept = 'db.json.corrupt-2026-11-22T102030.456Z'
    await store.close()
    t.same((await readdir(dir)).sort(), ['db.json', kept])
    t.equal(await readFile(join(dir, kept), 'utf8'), text)
    t.match(records, [
      {
        level: 'error',
        message: /corrupt; file renamed/,
        kept: join(dir, kept),
      },
    ])
  })
}

t.test('a file of another version is rejected and left unchanged', async t => {
  const dir = await temporaryFolder(t)
  const text = '{"version":5,"process":{}}'
  await writeFile(join(dir, 'db.json'), text)
  await t.rejects(open(dir), {
    name: 'StoreError',
    message: /expected version 4, got 5/,
  })
  t.equal(await readFile(join(dir, 'db.json'), 'utf8'), text)
})

t.test('the error for an unusable folder names it', async t => {
  const dir = await temporaryFolder(t)
  await writeFile(join(dir, 'file'), '')
  await t.rejects(open(join(dir, 'file')), {
    name: 'StoreError',
    message: /^Cannot use CORE_DB_DIR: expected a writable folder, .*file: /,
  })
})

t.test('an unreadable file is rejected', async t => {
  const dir = await temporaryFolder(t)
  await mkdir(join(dir, 'db.json'))
  await t.rejects(open(dir), { name: 'StoreError', message: /^Cannot read / })
})

t.test('a change that cannot be written is undone', async t => {
  const dir = join(await temporaryFolder(t), 'db')
  const { store } = await open(dir)
  await store.put(process1('a'))
  await rm(dir, { recursive: true })
  await t.rejects(store.put(process1('b')))
  t.same(
    store.list().map(({ id }) => id),
    ['a'],
  )
  await mkdir(dir)
  await store.put(process1('c'))
  const again = await open(dir)
  t.same(
    again.store.list().map(({ id }) => id),
    ['a', 'c'],
  )
})

t.test('the file is complete whenever its writer is killed', async t => {
  const dir = await temporaryFolder(t)
  let last = 0
  for (let kill = 0; kill < 15; kill++) {
    const writer = spawn(process.execPath, [WRITER.pathname, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(writer, 'exit')
    let rounds = 0
    // Killed after a different number of rounds each time, often in a write.
    for await (const line of createInterface({ input: writer.stdout })) {
      rounds++
      last = Number(line)
      if (rounds > kill * 3) break
    }
    writer.kill('SIGKILL')
    await exit
    const { store, records } = await open(dir)
    t.same(records, [], 'the file is not corrupt')
    const [first, second] = store.list()
    t.ok(
      first && first.created_at >= last,
      'it has the last change that was reported as written',
    )
    t.ok(second && second.created_at >= last)
    await store.close()
  }
})

t.test('a folder in use by another media process is rejected', async t => {
  const dir = await temporaryFolder(t)
  const writer = spawn(process.execPath, [WRITER.pathname, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => writer.kill('SIGKILL'))
  const exit = once(writer, 'exit')
  await once(writer.stdout, 'data')
  await t.rejects(open(dir), {
    name: 'StoreError',
    message: new RegExp(`which process ${writer.pid} uses$`),
  })
  writer.kill('SIGKILL')
  await exit
  t.equal((await open(dir)).store.size, 2)
})

t.test(
  'only the owner may read the file, because it holds secrets',
  async t => {
    const dir = await temporaryFolder(t)
    const { store } = await open(dir)
    await store.put(process1('a'))
    t.equal((await stat(join(dir, 'db.json'))).mode & 0o777, 0o600)
  },
)
