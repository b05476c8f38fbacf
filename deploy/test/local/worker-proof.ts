import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findPlace } from '../../local/worker/place.mjs'
import { proveWorker } from '../../local/worker/proof.mjs'
import { recordedContext } from './fixtures/context.ts'
import { fakeProgram } from './fixtures/fake-program.ts'

const REAL = process.env['MEDIASOUP_WORKER_BIN'] ?? (await findPlace({})).worker

const newCache = async (t: Test) => ({
  ...(await findPlace({})),
  cache: t.testdir({}),
})

t.test('a worker is proven once, wherever it lies', async t => {
  const place = await newCache(t)
  const context = recordedContext(process.env)
  await proveWorker(REAL, place, context)
  t.match(context.said(), 'proving it by a DTLS handshake: done')

  const copy = join(place.cache, 'copy')
  await copyFile(REAL, copy)
  const again = recordedContext(process.env)
  await proveWorker(copy, place, again)
  t.equal(again.said(), '', 'the same content is not proven twice')
})

t.test(
  'a program that is no worker fails the proof, with the reason',
  async t => {
    const place = await newCache(t)
    const fake = await fakeProgram(t.testdirName, 'fake', 'exit 1')
    await t.rejects(proveWorker(fake, place, recordedContext(process.env)), {
      message: /code:1/,
    })
    t.same(await readdir(place.cache), ['fake'], 'and leaves no stamp')
  },
)
