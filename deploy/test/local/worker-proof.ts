import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findPlace } from '../../local/worker/place.mjs'
import { proveWorker } from '../../local/worker/proof.mjs'
import { recordedContext } from './fixtures/context.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'

const REAL = process.env['MEDIASOUP_WORKER_BIN'] ?? (await findPlace({})).worker

async function scene(t: Test) {
  const env = { ...process.env, XDG_CACHE_HOME: t.testdir({}) }
  const newContext = () => recordedContext(env)
  return { place: await findPlace(env), newContext }
}

t.test('proveWorker() proves a worker once, wherever the file is', async t => {
  const { place, newContext } = await scene(t)
  const context = newContext()
  await proveWorker(REAL, place, context)
  t.match(context.output(), 'proving it by a DTLS handshake: done')

  const copy = join(place.cache, 'copy')
  await copyFile(REAL, copy)
  const again = newContext()
  await proveWorker(copy, place, again)
  t.equal(again.output(), '', 'the same content is not proven twice')
})

t.test(
  'the error of proveWorker() has the reason and names the log',
  async t => {
    const { place, newContext } = await scene(t)
    const fake = await fakeProgram(t.testdirName, 'fake', 'exit 1')
    await t.rejects(proveWorker(fake, place, newContext()), {
      message: /code:1[^]*The whole log is \S+\/logs\/worker-proof\.log$/,
    })
    t.same(await readdir(place.cache), ['logs'], 'no stamp is left')
  },
)
