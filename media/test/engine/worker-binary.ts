import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

import { findWorkerBinary } from '../../engine/worker-binary.ts'

const folder = t.testdir({ cache: {}, given: '#!/bin/sh\n' })

await t.test(
  'findWorkerBinary() uses MEDIASOUP_WORKER_BIN if it is executable',
  t => {
    const given = join(folder, 'given')
    const env = { MEDIASOUP_WORKER_BIN: given, XDG_CACHE_HOME: folder }
    t.throws(() => findWorkerBinary(env), { code: 'worker' }, 'not executable')
    chmodSync(given, 0o755)
    t.equal(findWorkerBinary(env), given)
    t.end()
  },
)

await t.test('findWorkerBinary() finds the worker in the cache', t => {
  const { platform, arch } = process
  const name = `mediasoup-worker-3.27.1-${platform}-${arch}`
  const cached = join(folder, 'cache', 'dragonfork', name)
  mkdirSync(join(cached, '..'), { recursive: true })
  writeFileSync(cached, '', { mode: 0o755 })
  const env = { XDG_CACHE_HOME: join(folder, 'cache') }
  t.equal(findWorkerBinary(env), cached)
  t.end()
})

await t.test(
  'findWorkerBinary() names the command that installs a worker',
  t => {
    const env = { MEDIASOUP_WORKER_BIN: join(folder, 'none') }
    t.throws(() => findWorkerBinary(env), {
      code: 'worker',
      message:
        /^Cannot find a mediasoup .*run: node deploy\/local\/setup\.mjs$/,
    })
    t.end()
  },
)
