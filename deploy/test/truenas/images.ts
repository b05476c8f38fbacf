import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import packageJson from '../../../package.json' with { type: 'json' }

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Returns the packages that the sources in `folders` import. */
async function importedBy(...folders: readonly string[]): Promise<Set<string>> {
  const packages = new Set<string>()
  for (const folder of folders) {
    for (const file of await readdir(ROOT + folder, { recursive: true })) {
      if (!file.endsWith('.ts') || /(^|\/)(test|bench)\//.test(file)) continue
      const source = await readFile(`${ROOT}${folder}/${file}`, 'utf8')
      for (const [, from = ''] of source.matchAll(
        / from '([^.'\n][^'\n]*)'$/gm,
      )) {
        if (from.startsWith('node:')) continue
        const [scope = '', name = ''] = from.split('/')
        packages.add(from.startsWith('@') ? `${scope}/${name}` : scope)
      }
    }
  }
  return packages
}

function readImage(name: string): Promise<string> {
  return readFile(`${ROOT}deploy/images/${name}.Dockerfile`, 'utf8')
}

t.test(
  'the exporter image has all imported packages and no worker',
  async t => {
    const dockerfile = await readImage('exporter')
    const removed = [...dockerfile.matchAll(/dependencies\.(\S+)/g)].map(
      ([, name = '']) => name,
    )
    t.ok(removed.includes('mediasoup'))
    const kept = Object.keys(packageJson.dependencies).filter(
      name => !removed.includes(name),
    )
    for (const name of await importedBy('exporter', 'shared')) {
      t.ok(kept.includes(name), name)
    }
    t.notMatch(dockerfile, 'ffmpeg')
    t.notMatch(dockerfile, /COPY media/)
  },
)

t.test('the media image has all imported packages', async t => {
  t.match(await readImage('media'), 'node_modules/*node-datachannel')
  const kept = Object.keys(packageJson.dependencies)
  for (const name of await importedBy('media', 'shared', 'deploy/verify')) {
    t.ok(kept.includes(name), name)
  }
})

for (const image of ['media', 'exporter']) {
  t.test(
    `the ${image} image uses the pinned Node and needs no BuildKit`,
    async t => {
      const dockerfile = await readImage(image)
      t.match(dockerfile, /^ARG NODE_IMAGE=node:24-bookworm-slim$/m)
      const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, b]) => b)
      for (const base of bases) t.match(base, /^(\$\{NODE_IMAGE\}|runtime)$/)
      t.notMatch(dockerfile, /--mount|--chmod|--link|<</)
      t.match(dockerfile, /^HEALTHCHECK /m)
      t.match(dockerfile, /^USER node$/m)
    },
  )

  t.test(
    `the ${image} image does not depend on the checkout's modes`,
    async t => {
      const stages = (await readImage(image)).split(/^FROM /m)
      const copied = stages.at(-1)?.match(/^COPY .*$/gm) ?? []
      t.not(copied.length, 0)
      for (const line of copied) t.match(line, /^COPY --from=\w+ /)
      const sources = stages.find(stage => stage.includes(' AS sources'))
      t.match(sources, /^RUN chmod -R a\+rX \.$/m)
    },
  )
}
