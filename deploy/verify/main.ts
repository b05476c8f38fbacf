/**
 * deploy/verify/ checks a running installation, one line per check.
 * Owns: the checks and their words.
 * Gets: URLs as arguments, and the settings of the media process from the
 * environment: deploy/truenas/core/verify runs it in that container.
 * Gives: lines on standard output and an exit code.
 *
 *     node deploy/verify/main.ts --metrics URL --prometheus URL
 *       (--grafana URL | --without-grafana) [--stream ID] [--patience SECONDS]
 *
 * With --grafana it reads the password of the user admin from standard input.
 * Exit codes: 0 all checks passed, 1 a check failed, 2 bad arguments.
 */
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { reasonOf } from '../../shared/runtime/errors.ts'
import { readConfig } from '../../media/config.ts'
import { runChecks, type Check } from './check.ts'
import { exporterCheck } from './exporter.ts'
import { grafanaCheck } from './grafana.ts'
import { fetchText, retryFor } from './http.ts'
import { probeCheck } from './probe.ts'
import { rulesCheck, targetsCheck } from './prometheus.ts'
import { whepCheck } from './whep.ts'

function mediaCheck(coreUrl: string): Check {
  return {
    title: 'media process',
    run: async () => {
      // Without `live` it is 503 while the server drains.
      const url = `${coreUrl}/ping?live`
      const { status } = await fetchText(url)
      if (status !== 200) throw new Error(`${url} returned ${status}`)
      return `responds at ${coreUrl}/`
    },
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      metrics: { type: 'string', default: 'http://127.0.0.1:9464/metrics' },
      prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
      grafana: { type: 'string', default: 'http://127.0.0.1:3000' },
      'without-grafana': { type: 'boolean', default: false },
      stream: { type: 'string' },
      patience: { type: 'string', default: '60' },
    },
  })
  const config = readConfig({
    env: process.env,
    readFile: path => readFileSync(path, 'utf8'),
  })
  const { core, apiToken, whepToken } = config
  const coreUrl = `http://127.0.0.1:${config.address.port}${config.publicBasePath}`
  const promUrl = values.prometheus
  const retry = retryFor(Number(values.patience) * 1000)
  const whepOptions = {
    coreUrl,
    promUrl,
    core,
    apiToken,
    whepToken,
    stream: values.stream,
    retry,
  }
  const checks = [
    mediaCheck(coreUrl),
    exporterCheck(values.metrics, core, retry),
    targetsCheck(promUrl, core, retry),
    rulesCheck(promUrl, retry),
    whepCheck(whepOptions),
    probeCheck(values.metrics, whepOptions),
  ]
  if (!values['without-grafana']) {
    const password = (await text(process.stdin)).trim()
    checks.push(grafanaCheck(values.grafana, password, retry))
  }
  const failed = await runChecks(checks, line => {
    process.stdout.write(`${line}\n`)
  })
  if (failed > 0) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  const reason = reasonOf(error)
  process.stderr.write(`Cannot verify: ${reason}\n`)
  process.exitCode = 2
}
