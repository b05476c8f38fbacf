/** The Debian packages that this project needs. */

/**
 * A package and its content, which may be installed without the package.
 *
 * @typedef {object} Package
 * @property {string} name Debian's
 * @property {readonly string[]} [programs] on PATH
 * @property {readonly string[]} [libraries] by pkg-config's names
 * @property {boolean} [forWorker] only needed to build the mediasoup worker
 */

/** @satisfies {Package[]} */
export const TO_RUN = [{ name: 'ffmpeg', programs: ['ffmpeg'] }]

/** @satisfies {Package[]} */
export const TO_LOAD = [
  ...TO_RUN,
  // Since Debian 13 promtool is in a package that this one depends on.
  { name: 'prometheus', programs: ['prometheus', 'promtool'] },
]

/** @satisfies {Package[]} */
export const TO_TEST = [
  ...TO_LOAD,
  { name: 'chromium', programs: ['chromium'] },
  { name: 'docker-compose', programs: ['docker-compose'] },
  { name: 'firefox-esr', programs: ['firefox-esr'] },
  { name: 'haproxy', programs: ['haproxy'] },
]

/** @type {Package[]} */
export const TO_BUILD_WORKER = [
  { name: 'meson', programs: ['meson'] },
  { name: 'ninja-build', programs: ['ninja'] },
  { name: 'pkg-config', programs: ['pkg-config'] },
  { name: 'g++', programs: ['g++'] },
  { name: 'flatbuffers-compiler', programs: ['flatc'] },
  { name: 'libabsl-dev', libraries: ['absl_strings', 'absl_optional'] },
  { name: 'libflatbuffers-dev', libraries: ['flatbuffers'] },
  { name: 'libsrtp2-dev', libraries: ['libsrtp2'] },
  { name: 'libssl-dev', libraries: ['openssl'] },
  { name: 'libuv1-dev', libraries: ['libuv'] },
].map(entry => ({ ...entry, forWorker: true }))
