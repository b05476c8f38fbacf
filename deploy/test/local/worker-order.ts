import { join } from 'node:path'
import t from 'tap'
import { run } from '../../local/setup/command.mjs'
import { thisMachine } from '../../local/setup/machine.mjs'
import { TO_BUILD_WORKER } from '../../local/setup/packages.mjs'
import { prepareSources } from '../../local/worker/build.mjs'
import { findPlace } from '../../local/worker/place.mjs'

/** An object of the worker or of its libraries. */
const OBJECT =
  /^((?:mediasoup-worker|deps\/libwebrtc\/liblibwebrtc\.a)\.p\/.*\.o): /

/** The first missing package of those that building a worker needs. */
async function missingPackage(): Promise<string | undefined> {
  const { has } = thisMachine(process.env)
  for (const entry of TO_BUILD_WORKER)
    if (!(await has(entry))) return entry.name
  return undefined
}

t.test(
  'the build generates the headers of flatc before it compiles anything',
  { timeout: 120_000 },
  async t => {
    const missing = await missingPackage()
    if (missing !== undefined) {
      t.comment(`skipped: ${missing} is not installed`)
      return
    }
    const { sources } = await findPlace(process.env)
    const cwd = join(t.testdir({}), 'worker')
    await prepareSources(join(sources, 'worker'), cwd)
    const lines = async (program: string, ...args: string[]) => {
      const all: string[] = []
      const onLine = (line: string) => all.push(line)
      const { code } = await run(program, args, { cwd, onLine })
      if (code !== 0) throw new Error(`${program}:\n${all.join('\n')}`)
      return all
    }
    await lines('meson', 'setup', 'out', '--wrap-mode=nodownload')

    const targets = await lines('ninja', '-C', 'out', '-t', 'targets', 'all')
    const generated = targets
      .filter(line => /^fbs\/FBS\/\w+\.h: CUSTOM_COMMAND/.test(line))
      .map(line => line.replace(/: .*/, ''))
    t.ok(generated.length > 20, `${generated.length} headers are generated`)
    const objects = targets.flatMap(line => OBJECT.exec(line)?.[1] ?? [])
    t.ok(objects.length > 200, `${objects.length} objects are compiled`)

    const query = ['-C', 'out', '-t', 'query', ...objects]
    const waits = new Map<string, Set<string>>()
    let object = ''
    for (const line of await lines('ninja', ...query)) {
      if (/^\S.*:$/.test(line)) object = line.slice(0, -1)
      const input = /^ {4}\|\|? (\S+)$/.exec(line)?.[1]
      if (input === undefined) continue
      waits.set(object, (waits.get(object) ?? new Set()).add(input))
    }
    const early = objects.filter(
      name => !generated.every(header => waits.get(name)?.has(header)),
    )
    t.same(early, [], 'every object waits for all headers')
  },
)
