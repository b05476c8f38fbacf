import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  buildWorker,
  FIXES,
  prepareSources,
} from '../../local/worker/build.mjs'
import { findPlace, type Place } from '../../local/worker/place.mjs'
import { recordedContext } from './fixtures/context.ts'
import { fakeProgram } from '../../../shared/test/fixtures/fake-program.ts'
import { fakeWorkerSources } from './fixtures/fake-worker.ts'

/** An apt-get that has no source to give. */
const NO_SOURCE = 'echo "E: no such source"; exit 100'

/** Programs in the place of apt-get, Meson and Ninja, and a cache of its own. */
async function scene(t: Test, ninja: string, aptGet = NO_SOURCE) {
  const sources = await fakeWorkerSources(t.testdir({}))
  const bin = join(t.testdirName, 'bin')
  await fakeProgram(bin, 'apt-get', aptGet)
  await fakeProgram(bin, 'meson', 'echo "$@" >meson-args; mkdir out')
  await fakeProgram(bin, 'ninja', ninja)
  const cache = join(t.testdirName, 'cache')
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    XDG_CACHE_HOME: cache,
  }
  const place: Place = {
    ...(await findPlace(env)),
    sources,
    worker: join(cache, 'dragonfork', 'the-worker'),
  }
  return { place, context: recordedContext(env) }
}

t.test('every fix applies to the sources of the pinned mediasoup', async t => {
  const { sources } = await findPlace({})
  const folder = t.testdir({})
  await prepareSources(join(sources, 'worker'), folder)
  for (const { file, from, to } of FIXES) {
    const text = await readFile(join(folder, file), 'utf8')
    t.notMatch(text, from, `${file}: the old text is replaced`)
    t.match(text, to)
  }
  const subprojects = await readdir(join(folder, 'subprojects'))
  t.notOk(subprojects.includes('openssl.wrap'), 'nothing is downloaded')
  t.ok(subprojects.includes('openssl'), 'a stand-in is there')
})

t.test('prepareSources() fails if a fix does not apply', async t => {
  const sources = await fakeWorkerSources(t.testdir({}))
  const file = 'src/RTC/DtlsTransport.cpp'
  await writeFile(join(sources, 'worker', file), 'a new version\n')

  await t.rejects(
    prepareSources(join(sources, 'worker'), join(t.testdirName, 'copy')),
    {
      name: 'SetupError',
      message:
        /DtlsTransport\.cpp should have \(operationType == BIO_CB_RETURN\) once but has it 0 times/,
    },
  )
})

t.test(
  'buildWorker() leaves only the worker and its log in the cache',
  async t => {
    const { place, context } = await scene(
      t,
      'echo "[1/2] one"; echo "[2/2] two"; echo built >out/mediasoup-worker',
    )
    t.equal(await buildWorker(place, context), place.worker)
    t.equal(await readFile(place.worker, 'utf8'), 'built\n')
    t.same(await readdir(place.cache), ['logs', 'the-worker'])
    t.match(context.output(), /building it from its sources, about 8 minutes/)
  },
)

t.test(
  'the error of a failed build quotes the compiler and names the log',
  async t => {
    const { place, context } = await scene(
      t,
      'echo "error: no such type"; exit 1',
    )
    await t.rejects(buildWorker(place, context), {
      name: 'SetupError',
      message:
        /ninja said:\nerror: no such type\n.* MEDIASOUP_WORKER_BIN .* The whole log is \S+\/logs\/worker-build\.log$/,
    })
    t.same(await readdir(place.cache), ['logs'])
    t.match(
      await readFile(join(place.cache, 'logs', 'worker-build.log'), 'utf8'),
      /^\$ meson setup out [^]*^\$ ninja -C out [^]*^error: no such type$/m,
    )
  },
)

t.test('a build that runs out of memory is repeated with one job', async t => {
  const { place, context } = await scene(
    t,
    `case "$([ -e tried ] && echo again) $*" in
      again*" -j1 "*) echo built >out/mediasoup-worker;;
      *) echo "g++: fatal error: Killed signal terminated program"
         touch tried; exit 1;;
    esac`,
  )
  t.equal(await buildWorker(place, context), place.worker)
})

t.test('libsrtp is built from the source that apt-get has', async t => {
  const { place, context } = await scene(
    t,
    'find subprojects/libsrtp* -type f | sort >out/mediasoup-worker',
    `case "$*" in
      *" source "*)
        grep -h . "$(dirname "$PWD")"/apt/parts/* >sources
        grep -Eq "^(Types: deb$|deb )" sources && exit 1
        mkdir -p libsrtp-2.5.0/include libsrtp-2.5.0/crypto/include
        touch libsrtp-2.5.0/meson.build libsrtp-2.5.0/include/srtp.h
        touch libsrtp-2.5.0/crypto/include/cipher.h
        tar -czf libsrtp2_2.5.0.orig.tar.gz libsrtp-2.5.0
        rm -r libsrtp-2.5.0;;
    esac`,
  )
  t.equal(await buildWorker(place, context), place.worker)
  t.same((await readFile(place.worker, 'utf8')).trim().split('\n'), [
    'subprojects/libsrtp2/crypto/include/cipher.h',
    'subprojects/libsrtp2/include/srtp.h',
    'subprojects/libsrtp2/meson.build',
    'subprojects/libsrtp3/include/srtp.h',
    'subprojects/libsrtp3/libsrtp2/srtp2/cipher.h',
    'subprojects/libsrtp3/libsrtp2/srtp2/srtp.h',
    'subprojects/libsrtp3/meson.build',
    'subprojects/libsrtp3/meson_options.txt',
  ])
  t.notMatch(context.output(), /cannot be had/)
})

for (const [what, aptGet] of Object.entries({
  'has no source': NO_SOURCE,
  'gives an archive that is no archive':
    'case "$*" in *" source "*) echo no >libsrtp2_1.orig.tar.gz;; esac',
  'gives nothing': 'exit 0',
})) {
  t.test(`an apt-get that ${what} leaves libsrtp to the system`, async t => {
    const { place, context } = await scene(
      t,
      'ls subprojects >out/mediasoup-worker',
      aptGet,
    )
    t.equal(await buildWorker(place, context), place.worker)
    const subprojects = (await readFile(place.worker, 'utf8')).split('\n')
    t.notOk(subprojects.includes('libsrtp2'))
    t.match(context.output(), /The source of libsrtp2 cannot be had by apt-get/)
  })
}
