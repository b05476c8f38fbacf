import t from 'tap'
import { parseStreamId } from '../../../shared/protocol/ids.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { LIMITS } from '../../limits.ts'
import { Prober } from '../../probe/prober.ts'

const CAM = parseStreamId('cam')
const never = new AbortController().signal

/** A prober of a port at which nothing listens. */
async function createProber(limits = LIMITS) {
  const { min } = await takePorts(1)
  const { records, log } = memoryLog()
  const prober = new Prober({
    url: new URL(`http://127.0.0.1:${min}`),
    token: undefined,
    degradedReason: () => Promise.resolve(undefined),
    limits,
    log,
  })
  return { prober, records, probe: () => prober.probe(CAM, 5_000, never) }
}

/** Whether this process has a child. */
function hasPlayer(): boolean {
  return process.getActiveResourcesInfo().includes('ProcessWrap')
}

t.test('the player process ends when it is idle', async t => {
  const { prober, records, probe } = await createProber({
    ...LIMITS,
    playerIdleTimeoutMs: 50,
  })
  for (let round = 0; round < 2; round++) {
    t.match(await probe(), { failure: 'unreachable', detail: /ECONNREFUSED/ })
    await waitFor(() => !hasPlayer(), 'the end of the player process')
  }
  await prober.close()
  t.same(
    records.map(({ message }) => message),
    ['probe failed', 'probe failed'],
  )
})

t.test('close() ends the player process and further probes', async t => {
  const { prober, probe } = await createProber()
  t.match(await probe(), { failure: 'unreachable' })
  t.ok(hasPlayer())
  await prober.close()
  await waitFor(() => !hasPlayer(), 'the end of the player process')
  await t.rejects(probe(), { name: 'ProbeError', message: /shutting down/ })
  t.notOk(hasPlayer())
})

t.test('a probe fails where the player process cannot start', async t => {
  const { PATH = '' } = process.env
  process.env['PATH'] = t.testdir()
  t.teardown(() => {
    process.env['PATH'] = PATH
  })
  const { prober, probe } = await createProber()
  await t.rejects(probe(), {
    name: 'ProbeError',
    message: /setpriv of util-linux: .*ENOENT/,
  })
  process.env['PATH'] = PATH
  t.match(await probe(), { failure: 'unreachable' }, 'the next one can')
  await prober.close()
})
