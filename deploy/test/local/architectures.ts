/** What the set-up does on processors other than this one. */
import { execFileSync, spawnSync } from 'node:child_process'
import { release } from 'node:os'
import t from 'tap'

const FOLDER = 'node_modules/mediasoup'

/** Arguments for Node that make it report another processor and kernel. */
function pretending(arch: string, kernel = release()): readonly string[] {
  const script = `
    import os from 'node:os'
    import { syncBuiltinESMExports } from 'node:module'
    Object.defineProperty(process, 'arch', { value: '${arch}' })
    os.arch = () => '${arch}'
    os.release = () => '${kernel}'
    syncBuiltinESMExports()`
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`]
}

/** The name of the archive that mediasoup's own script downloads. */
function officialName(arch: string, kernel: string): string | undefined {
  const output = execFileSync(
    process.execPath,
    [...pretending(arch, kernel), 'npm-scripts.mjs', 'worker:prebuild-name'],
    { cwd: FOLDER, encoding: 'utf8' },
  )
  return /workerPrebuildTarName:([^\]]+)\]/.exec(output)?.[1]
}

/** The URL that the set-up downloads. */
function ownUrl(arch: string, kernel: string): string {
  const script = `
    import { findPlace } from './deploy/local/worker/place.mjs'
    console.log((await findPlace({})).prebuilt)`
  return execFileSync(
    process.execPath,
    [...pretending(arch, kernel), '--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  ).trim()
}

for (const arch of ['x64', 'arm64']) {
  for (const kernel of [
    '5.10.0-30-arm64',
    '6.1.0-37-amd64',
    '6.12.41+rpt-rpi',
  ]) {
    t.test(
      `the worker for ${arch} on Linux ${kernel} has the name of mediasoup's script`,
      t => {
        const name = officialName(arch, kernel)
        t.match(name, new RegExp(`-linux-${arch}-kernel[56]\\.tgz$`))
        t.equal(
          ownUrl(arch, kernel),
          'https://github.com/versatica/mediasoup/releases/download/' +
            `${/\d+\.\d+\.\d+/.exec(name ?? '')?.[0] ?? ''}/${name ?? ''}`,
        )
        t.end()
      },
    )
  }
}

for (const arch of ['arm', 'ia32', 'riscv64']) {
  t.test(`the set-up refuses ${arch} and says what it supports`, t => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [...pretending(arch), 'deploy/local/setup.mjs'],
      { encoding: 'utf8' },
    )
    t.equal(status, 1)
    t.match(
      stderr,
      `Node on this machine is built for ${arch}; supported are x64 and arm64.`,
    )
    t.end()
  })
}
