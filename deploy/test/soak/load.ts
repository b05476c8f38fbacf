/** Five viewers for two minutes, ten with `--long`; and a ramp up to a cap. */
import t from 'tap'
import { startChild } from '../../../shared/test/fixtures/child.ts'
import { takePorts } from '../../../shared/test/fixtures/ports.ts'
import { requireProgram } from '../../../shared/test/fixtures/program.ts'

const MINUTES = process.env['SOAK_LONG'] === '1' ? '10' : '2'

t.setTimeout(0)

/** Runs the load on a local installation of its own. */
async function load(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const { min, max } = await takePorts(100)
  const child = startChild(
    'deploy/load/main.ts',
    {
      CORE_WEBRTC_UDP_MIN_PORT: String(min),
      CORE_WEBRTC_UDP_MAX_PORT: String(max),
      ...env,
    },
    args,
  )
  return { code: await child.exited, output: child.output }
}

t.test(`five viewers play for ${MINUTES} minutes`, async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const { code, output } = await load(['--minutes', MINUTES])
  t.equal(code, 0, output)
  t.match(output, /played all the time {2}5 of 5/)
  t.match(output, 'Viewers and Prometheus agree')
})

t.test('a ramp ends at the cap and says so', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const args = ['--viewers', '2', '--ramp', '2', '--minutes', '5']
  const { code, output } = await load(args, {
    CORE_WEBRTC_MAX_PEERS_PER_STREAM: '5',
  })
  t.equal(code, 0, output)
  t.match(output, '4 viewers can watch at once. Limit: viewer 6 of 6 (demo)')
  t.match(output, /POST got 503/)
})
