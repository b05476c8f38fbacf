/** Debian's apt-get: installs packages, and repairs what was cut short. */

import { setTimeout as delay } from 'node:timers/promises'

/** How long another apt, such as the nightly one, is waited for. */
const LOCK_TIMEOUT_S = 900
const LOCK_RETRY_MS = 2000
/** A line of apt-get's Status-Fd: kind, package or number, percent, text. */
const STATUS = /^(?:dl|pm)status:[^:]*:([\d.]+):(.*)$/
/** What apt-get says whatever it does. */
const NOISE = /^(?:Reading package lists|Building dependency|Reading state)/
const LOCKED = /Could not get lock|Unable to lock directory/
/** What apt-get says where an earlier one was ended in the middle. */
const CUT_SHORT = /dpkg --configure -a|--fix-broken|needs to be reinstalled/

export class Apt {
  #step
  #root
  #signal

  /**
   * @param {import('./step.mjs').Step} step
   * @param {readonly string[]} root the words that make us root
   * @param {AbortSignal | undefined} signal
   */
  constructor(step, root, signal) {
    this.#step = step
    this.#root = root
    this.#signal = signal
  }

  /**
   * Fetches the lists of packages. One that cannot be had is perhaps not
   * needed, so a failure shows only in what cannot be installed afterwards.
   */
  async update() {
    const until = Date.now() + LOCK_TIMEOUT_S * 1000
    for (;;) {
      const failure = await this.#aptGet('update')
      if (failure === undefined || !LOCKED.test(failure)) return
      if (Date.now() > until) return
      this.#step.progress('waiting for another apt-get to end')
      await delay(LOCK_RETRY_MS, undefined, { signal: this.#signal })
    }
  }

  /**
   * Installs packages, or says why it cannot.
   *
   * @param {readonly string[]} names
   * @returns {Promise<string | undefined>} what apt-get said if it failed
   */
  async install(names) {
    const failure = await this.#install(names)
    if (failure === undefined || !CUT_SHORT.test(failure)) return failure
    await this.#run('dpkg', '--configure', '-a')
    await this.#aptGet('install', '-y', '--fix-broken', '--no-remove')
    return this.#install(names)
  }

  /**
   * Why a package alone cannot be installed, or undefined if it can.
   *
   * @param {string} name
   */
  async refusal(name) {
    return this.#install([name], '--simulate')
  }

  /**
   * @param {readonly string[]} names
   * @param {string[]} options
   */
  #install(names, ...options) {
    const words = ['-y', '--no-install-recommends', ...options, ...names]
    return this.#aptGet('install', ...words)
  }

  /** @param {string[]} words */
  #aptGet(...words) {
    const lock = `DPkg::Lock::Timeout=${LOCK_TIMEOUT_S}`
    const settings = [lock, 'Acquire::Retries=3', 'APT::Status-Fd=1']
    const options = settings.flatMap(setting => ['-o', setting])
    return this.#run('apt-get', '-q', ...options, ...words)
  }

  /**
   * @param {string[]} command
   * @returns {Promise<string | undefined>} what it said if it failed
   */
  async #run(...command) {
    const [program = '', ...rest] = [
      ...this.#root,
      ...['env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8'],
      ...command,
    ]
    const ending = () => {
      this.#step.progress('ending: dpkg finishes what it has begun')
    }
    this.#signal?.addEventListener('abort', ending, { once: true })
    const { code, tail } = await this.#step.run(program, rest, {
      // dpkg that ends in the middle is worse than one that goes on.
      gently: true,
      tied: false,
      onLine: line => {
        const [, percent, what] = STATUS.exec(line) ?? []
        if (what)
          this.#step.progress(`${Math.round(Number(percent))} %  ${what}`)
        else if (LOCKED.test(line)) this.#step.progress(line)
      },
    })
    this.#signal?.removeEventListener('abort', ending)
    if (code === 0) return undefined
    return tail
      .filter(line => !STATUS.test(line) && !NOISE.test(line))
      .join('\n')
  }
}
