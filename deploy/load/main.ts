/**
 * deploy/load/ has viewers watch an installation for minutes, and says what
 * they and Prometheus saw.
 * Owns: the viewers, and a local installation if it started one.
 * Gets: options, and tokens of the installation from the environment.
 * Gives: a report on standard output, progress on standard error, exit codes.
 *
 *     node deploy/load/main.ts --viewers 5 --minutes 10
 *
 * Exit codes: 0 all viewers played and the first line was OK, 1 not so, or the
 * run could not be made, 2 bad arguments.
 */
import { reasonOf } from '../../shared/runtime/errors.ts'
import { setting } from '../local/setup/checkout.mjs'
import { findCore } from './dashboard.ts'
import { startInstallation } from './installation.ts'
import { readOptions, USAGE, UsageError, type LoadOptions } from './options.ts'
import { report } from './report.ts'
import { healthy, run } from './run.ts'
import { judge } from './verdict.ts'

async function load(
  options: LoadOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { env, stderr: output, stdout } = process
  const own =
    options.target === undefined
      ? await startInstallation(env, signal)
      : undefined
  try {
    const target = options.target ?? own
    if (target === undefined) throw new Error('There is no installation')
    const core =
      own?.core ?? (await findCore(target.prometheus, setting(env, 'CORE_ID')))
    if (own !== undefined) await healthy(own, core, signal)
    const apiToken = setting(env, 'CORE_API_TOKEN')
    const findings = await run({
      ...{ ...options, target, core, apiToken, output, signal },
    })
    const verdict = judge(findings)
    stdout.write(report(findings, verdict))
    return verdict.passed
  } finally {
    await own?.stop()
  }
}

const stop = new AbortController()
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort(new Error('Interrupted'))
  })
}
// The reader may exit first; the viewers still have to leave.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)

try {
  const options = readOptions(process.argv.slice(2))
  process.exitCode = (await load(options, stop.signal)) ? 0 : 1
} catch (error) {
  const isUsage = error instanceof UsageError
  process.stderr.write(
    isUsage ? `${error.message}\n\n${USAGE}` : `${reasonOf(error)}\n`,
  )
  process.exitCode = isUsage ? 2 : 1
}
