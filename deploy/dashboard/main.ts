/**
 * deploy/dashboard/ generates the Grafana dashboards.
 * Owns: panels, queries, the first line, the links to the runbook.
 * Gets: the README of the TrueNAS bundle, which has the runbook.
 * Gives: the JSON files in grafana/dashboards/ of truenas/core and of fleet.
 *
 *     node deploy/dashboard/main.ts [--check]
 *
 * With --check it writes nothing and exits with 1 if a file is out of date.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { generate } from './generate.ts'

const check = process.argv.includes('--check')
const deploy = new URL('../', import.meta.url)
const readme = await readFile(new URL('truenas/core/README.md', deploy), 'utf8')

for (const [path, json] of generate(readme)) {
  const file = new URL(path, deploy)
  if (!check) {
    await writeFile(file, json)
    process.stdout.write(`wrote ${fileURLToPath(file)}\n`)
  } else if ((await readFile(file, 'utf8')) !== json) {
    process.stderr.write(
      `${path} is out of date: run node deploy/dashboard/main.ts\n`,
    )
    process.exitCode = 1
  }
}
