import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startProbedStack } from '../fixtures/probed-stack.ts'
import { startExporter, listening, testStream } from '../fixtures/stack.ts'
import { BUNDLE, readYaml } from './fixtures/bundle.ts'
import { startBundlePrometheus } from './fixtures/bundle-prometheus.ts'
import { requireProgram, run } from '../../../shared/test/fixtures/program.ts'

const CORE = 'dragonfork-verify'
const PASSWORD = 'secret-of-grafana'
/** The token that the exporter proves its probes with. */
const INGEST_TOKEN = 'token-of-the-exporter'

/** Starts a server that answers the two requests verify sends to Grafana. */
async function startGrafana(t: Test): Promise<string> {
  const right = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`
  const answers: Readonly<Record<string, object>> = {
    '/api/dashboards/uid/dragonfork-webrtc-health': {
      dashboard: { title: 'WebRTC Health' },
      meta: { folderTitle: 'Dragon Fork' },
    },
    '/api/datasources/proxy/uid/prometheus/api/v1/query?query=up': {
      status: 'success',
      data: { result: [{}] },
    },
  }
  const server = createServer((request, response) => {
    const isAdmin = request.headers.authorization === right
    const answer = answers[request.url ?? '']
    response.statusCode = isAdmin ? (answer === undefined ? 404 : 200) : 401
    response.end(JSON.stringify(answer ?? {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

/** Runs the script with a shell script as `docker`. */
function runScript(t: Test, docker: string) {
  const bin = t.testdir({ docker: `#!/bin/sh\n${docker}\n` })
  chmodSync(join(bin, 'docker'), 0o755)
  return run(join(BUNDLE, 'verify'), ['--without-grafana'], {
    env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
  })
}

t.test('verify names a container that is not running', async t => {
  const { code, output } = await runScript(t, '[ "$2" = version ]')
  t.equal(code, 1)
  t.match(output, 'FAIL  exporter: not running, see docker compose logs exp')
})

t.test(
  'verify fails when the media process stops during the checks',
  async t => {
    const { code, output } = await runScript(
      t,
      '[ "$2" != exec ] || exit 137; echo 127.0.0.1:1',
    )
    t.equal(code, 1)
    t.match(
      output,
      'FAIL  core: it stopped during the checks, see docker compose logs co',
    )
  },
)

t.test('verify on a running stack', async t => {
  if (requireProgram(t, 'prometheus') === undefined) return
  const stack = await startProbedStack(t, {
    processes: [testStream('demo')],
    media: {
      CORE_ID: CORE,
      CORE_API_TOKEN: 'token-of-the-api',
      CORE_EXPORTER_TOKEN: INGEST_TOKEN,
    },
    exporter: { CORE_ID: CORE, EXPORTER_INGEST_TOKEN: INGEST_TOKEN },
  })
  const prometheus = await startBundlePrometheus(t, {
    target: new URL(stack.metricsUrl).host,
    core: CORE,
  })
  const grafana = await startGrafana(t)
  const verify = (
    args: readonly string[],
    { env = {}, input = '' }: { env?: Record<string, string>; input?: string },
  ) =>
    run(
      process.execPath,
      [
        'deploy/verify/main.ts',
        `--metrics=${stack.metricsUrl}`,
        `--prometheus=http://${prometheus.address}`,
        ...args,
      ],
      {
        env: {
          CORE_ID: CORE,
          CORE_API_TOKEN: 'token-of-the-api',
          CORE_ADDRESS: new URL(stack.url).host,
          ...env,
        },
        input,
      },
    )

  await t.test(
    "Prometheus' healthcheck passes only while it responds",
    async t => {
      const { services } = await readYaml<{
        services: { prom: { healthcheck: { test: readonly string[] } } }
      }>('docker-compose.yml')
      const [, program = '', ...args] = services.prom.healthcheck.test
      const at = (url: string) =>
        run(
          program,
          args.map(arg => arg.replace('http://127.0.0.1:9090', url)),
        )
      t.equal((await at(`http://${prometheus.address}`)).code, 0)
      t.not((await at('http://127.0.0.1:1')).code, 0)
    },
  )

  await t.test('verify passes all checks on a healthy stack', async t => {
    const { code, output } = await verify([`--grafana=${grafana}`], {
      input: `${PASSWORD}\n`,
    })
    t.match(output, `ok    media process: responds at ${stack.url}/`)
    t.match(output, `11 families, every sample with core="${CORE}"`)
    t.match(output, `external label core="${CORE}"`)
    t.match(output, 'ok    Prometheus rules: 12 healthy, firing: none')
    t.match(output, 'a session on demo opened and closed')
    t.match(
      output,
      /ok {4}probe: demo plays after [\d.]+ s: offer [\d.]+ s, ice .* dtls .* first_rtp .* first_key_frame/,
    )
    t.match(output, 'ok    Grafana: Dragon Fork / WebRTC Health, with data')
    t.match(output, /All 7 checks passed\n$/)
    t.equal(code, 0)
  })

  await t.test('verify names each failed check', async t => {
    const { code, output } = await verify(
      ['--without-grafana', '--stream=nobody', '--patience=2'],
      { env: { CORE_ID: 'another-box' } },
    )
    t.match(output, /FAIL {2}exporter: core should be "another-box"/)
    t.match(output, /FAIL {2}Prometheus targets: external label core is/)
    t.match(output, /FAIL {2}WHEP: POST returned 404/)
    t.match(output, /FAIL {2}probe: nobody cannot be played: stream_unknown/)
    t.match(output, 'ok    Prometheus rules')
    t.match(output, /4 of 6 checks failed\n$/)
    t.equal(code, 1)
  })

  await t.test('verify says that probes are off, and passes', async t => {
    const exporter = startExporter(t)
    const metrics = await listening(exporter, 'web')
    const { output } = await verify(
      [
        '--without-grafana',
        '--patience=0',
        `--metrics=http://127.0.0.1:${metrics}/metrics`,
      ],
      {},
    )
    t.match(output, 'ok    probe: off, since EXPORTER_PROBE_URL is empty')
  })

  await t.test('verify rejects an unknown option with exit code 2', async t => {
    const { code, output } = await verify(['--without-coffee'], {})
    t.equal(code, 2)
    t.match(output, "Cannot verify: Unknown option '--without-coffee'")
  })
})
