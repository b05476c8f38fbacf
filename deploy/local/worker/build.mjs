/**
 * Builds the worker from the sources in the npm package against the system's
 * libraries. mediasoup's own build downloads the sources of every library;
 * here the stand-ins next to this file replace them.
 */

import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from '../setup/context.mjs'
import { keepFile } from '../setup/keep.mjs'
import { bar } from '../setup/report.mjs'
import { step } from '../setup/step.mjs'
import { unpackSrtp } from './srtp-source.mjs'
import { inWorkshop } from './workshop.mjs'

const STANDINS = fileURLToPath(new URL('standins', import.meta.url))
/** Memory for compiling one of the larger files, with a margin. */
const BYTES_PER_JOB = 768 * 1024 * 1024
/** Matches the output of a compiler that runs out of memory. */
const OUT_OF_MEMORY = /Killed signal|out of memory|Cannot allocate memory/i

/**
 * A change in the sources. If it does not apply, the worker is not built.
 *
 * @typedef {object} Fix
 * @property {string} file
 * @property {string} from must occur exactly once
 * @property {string} to
 * @property {string} why
 */

/** @type {Fix[]} */
export const FIXES = [
  {
    file: 'meson.build',
    from: "meson_version: '>= 1.1.0'",
    to: "meson_version: '>= 1.0.0'",
    why: 'Debian 12 has Meson 1.0.1, which can build it too',
  },
  {
    file: 'deps/libwebrtc/meson.build',
    from: "flatbuffers_dep'),\n  ],",
    to: "flatbuffers_dep'),\n    flatbuffers_generator_dep,\n  ],",
    why:
      'its sources include headers that flatc generates. Without the ' +
      'dependency they are compiled while flatc still writes these headers',
  },
  {
    file: 'src/RTC/DtlsTransport.cpp',
    from: '(operationType == BIO_CB_RETURN)',
    to: '(operationType & BIO_CB_RETURN)',
    why:
      'OpenSSL passes BIO_CB_CTRL | BIO_CB_RETURN. With the comparison every ' +
      'BIO control call returns 1. An OpenSSL built with kernel TLS, like ' +
      "Debian's, then believes that the kernel encrypts, allocates no write " +
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
  const plan = {
    log: 'worker-build',
    what: `mediasoup worker ${place.version}: building it from its sources`,
    usually: 'about 8 minutes on 2 cores, once',
    advice:
      'Run this again, or set MEDIASOUP_WORKER_BIN to the path of a mediasoup ' +
      `worker ${place.version}.`,
  }
  return inWorkshop(place.cache, async folder => {
    await prepareSources(join(place.sources, 'worker'), folder)
    await step(plan, context, async given => {
      if (!(await unpackSrtp(folder, given))) {
        context.report.say(
          'The source of libsrtp2 cannot be had by apt-get: the worker gets ' +
            "Debian's build of it, which takes about a sixth more CPU",
        )
      }
      await compile(folder, given)
    })
    await keepFile(join(folder, 'out', 'mediasoup-worker'), place.worker)
    return place.worker
  })
}

/**
 * Copies the worker's sources and changes them to build on this system.
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
        `but has it ${parts.length - 1} times. It must become ${to}, because ` +
        `${why}. If this is a new version of mediasoup, check that file`,
    )
  }
  await writeFile(path, parts.join(to))
}

/**
 * @param {string} folder
 * @param {import('../setup/step.mjs').Step} step
 */
async function compile(folder, { run, progress }) {
  /** @param {string} line */
  const onLine = line => {
    const [, done, total] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? []
    if (done) progress(bar(Number(done), Number(total)))
  }
  /**
   * @param {string} program
   * @param {string[]} args
   */
  const build = (program, ...args) =>
    run(program, args, { cwd: folder, onLine })

  const release = ['--buildtype=release', '-Db_ndebug=true']
  // Without downloads, a library without a stand-in is an error.
  const wrap = '--wrap-mode=nodownload'
  const setup = await build('meson', 'setup', 'out', wrap, ...release)
  // Meson's own log is removed with the folder, so it is copied into ours.
  if (setup.code !== 0) await build('cat', 'out/meson-logs/meson-log.txt')
  mustSucceed('meson', setup)
  const jobs = parallelJobs(availableParallelism(), memory())
  /** @param {number} count */
  const ninja = count =>
    build('ninja', '-C', 'out', `-j${count}`, 'mediasoup-worker')
  const outcome = await ninja(jobs)
  const isOutOfMemory =
    outcome.code !== 0 && outcome.tail.some(line => OUT_OF_MEMORY.test(line))
  mustSucceed('ninja', isOutOfMemory ? await ninja(1) : outcome)
}

/**
 * @param {string} program
 * @param {import('../setup/command.mjs').Outcome} outcome
 */
function mustSucceed(program, { code, tail }) {
  if (code === 0) return
  throw new SetupError(
    `Cannot build the mediasoup worker. ${program} said:\n${tail.join('\n')}`,
  )
}

/** The memory that this process may use, in bytes: a container has less. */
function memory() {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/**
 * One compiler per core, or fewer if the memory is not enough for that.
 *
 * @param {number} cores
 * @param {number} bytes
 */
function parallelJobs(cores, bytes) {
  return Math.max(1, Math.min(cores, Math.floor(bytes / BYTES_PER_JOB)))
}
