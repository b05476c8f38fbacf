/**
 * Builds the worker from the sources that the npm package ships, against the
 * system's libraries. mediasoup's own build downloads every library's sources
 * instead; the stand-ins next to this file take their places.
 */

import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../setup/command.mjs'
import { bar } from '../setup/report.mjs'
import { SetupError } from '../setup/setup-error.mjs'
import { inWorkshop } from './workshop.mjs'

const STANDINS = fileURLToPath(new URL('standins', import.meta.url))
/** What the compiler takes for one of the larger files, and some air. */
const BYTES_A_JOB = 768 * 1024 * 1024

/**
 * One change in the sources. It must apply: a build without it is not to be.
 *
 * @typedef {object} Fix
 * @property {string} file
 * @property {string} from occurs exactly once
 * @property {string} to
 * @property {string} why
 */

/** @type {Fix[]} */
export const FIXES = [
  {
    file: 'meson.build',
    from: "meson_version: '>= 1.1.0'",
    to: "meson_version: '>= 1.0.0'",
    why: 'Debian 12 has Meson 1.0.1, which builds it as well',
  },
  {
    file: 'deps/libwebrtc/meson.build',
    from: "flatbuffers_dep'),\n  ],",
    to: "flatbuffers_dep'),\n    flatbuffers_generator_dep,\n  ],",
    why:
      'its sources include headers that flatc generates. Without the ' +
      'dependency they are compiled while flatc still writes those headers',
  },
  {
    file: 'src/RTC/DtlsTransport.cpp',
    from: '(operationType == BIO_CB_RETURN)',
    to: '(operationType & BIO_CB_RETURN)',
    why:
      'OpenSSL passes BIO_CB_CTRL | BIO_CB_RETURN. With the comparison every ' +
      'BIO control call answers 1, so an OpenSSL built with kernel TLS, as ' +
      "Debian's is, believes that the kernel encrypts, allocates no write " +
      'buffer and crashes at the first DTLS ServerHello',
  },
]

/**
 * Builds the worker into the cache and returns its path.
 *
 * @param {import('./place.mjs').Place} place
 * @param {import('../setup/context.mjs').Context} context
 */
export async function buildWorker(place, context) {
  const what = `mediasoup worker ${place.version}: building it from its sources`
  return inWorkshop(place.cache, async folder => {
    await prepareSources(join(place.sources, 'worker'), folder)
    await context.report.step(
      what,
      'about 8 minutes on 2 cores, once',
      progress => compile(folder, context, progress),
    )
    await rename(join(folder, 'out', 'mediasoup-worker'), place.worker)
    return place.worker
  })
}

/**
 * Copies the worker's sources and makes them build against this system.
 *
 * @param {string} sources
 * @param {string} folder
 */
export async function prepareSources(sources, folder) {
  await cp(sources, folder, { recursive: true })
  const subprojects = join(folder, 'subprojects')
  await rm(subprojects, { recursive: true, force: true })
  await cp(STANDINS, subprojects, { recursive: true })
  for (const fix of FIXES) await applyFix(fix, folder)
}

/**
 * @param {Fix} fix
 * @param {string} folder
 */
async function applyFix({ file, from, to, why }, folder) {
  const path = join(folder, file)
  const parts = (await readFile(path, 'utf8')).split(from)
  if (parts.length !== 2) {
    throw new SetupError(
      `Cannot build the mediasoup worker: ${file} should have ${from} once ` +
        `and has it ${parts.length - 1} times. It must become ${to}, since ` +
        `${why}. Is this a new version of mediasoup? Then look there first`,
    )
  }
  await writeFile(path, parts.join(to))
}

/**
 * @param {string} folder
 * @param {import('../setup/context.mjs').Context} context
 * @param {(text: string) => void} progress
 */
async function compile(folder, { env, signal }, progress) {
  /** @param {string} line */
  const onLine = line => {
    const [, done, total] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? []
    if (done) progress(bar(Number(done), Number(total)))
  }
  /**
   * @param {string} program
   * @param {string[]} args
   */
  const mustRun = async (program, ...args) => {
    const options = { cwd: folder, env, signal, onLine }
    const { code, tail } = await run(program, args, options)
    if (code === 0) return
    throw new SetupError(
      'Cannot build the mediasoup worker. Set MEDIASOUP_WORKER_BIN if you ' +
        `have one. ${program} said:\n${tail.join('\n')}`,
    )
  }
  const jobs = `-j${parallelJobs(availableParallelism(), totalmem())}`
  const release = ['--buildtype=release', '-Db_ndebug=true']
  // Without downloads a library is either a stand-in's or an error.
  await mustRun('meson', 'setup', 'out', '--wrap-mode=nodownload', ...release)
  await mustRun('ninja', '-C', 'out', jobs, 'mediasoup-worker')
}

/**
 * As many compilers as there are cores, fewer if memory would not do.
 *
 * @param {number} cores
 * @param {number} bytes
 */
function parallelJobs(cores, bytes) {
  return Math.max(1, Math.min(cores, Math.floor(bytes / BYTES_A_JOB)))
}
