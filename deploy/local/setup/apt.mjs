/** Debian's apt-get: installs packages and repairs interrupted installations. */

import { setTimeout as delay } from 'node:timers/promises'

/** How long to wait for another apt, such as the nightly one. */
const LOCK_TIMEOUT_S = 900
const LOCK_RETRY_MS = 2000
const OPTIONS = [
  `DPkg::Lock::Timeout=${LOCK_TIMEOUT_S}`,
  'Acquire::Retries=3',
  'APT::Status-Fd=1',
].flatMap(setting => ['-o', setting])
/** A line of apt-get's Status-Fd: kind, package or number, percent, text. */
const STATUS = /^(?:dl|pm)status:[^:]*:([\d.]+):(.*)$/
/** Lines that apt-get always prints. */
const NOISE = /^(?:Reading package lists|Building dependency|Reading state)/
const LOCKED = /Could not get lock|Unable to lock directory/
/** Output of apt-get after an earlier run was interrupted. */
const INTERRUPTED = /dpkg --configure -a|--fix-broken|needs to be reinstalled/

export class Apt {
  #step
  #root
  #signal

  /**
   * @param {import('./step.mjs').Step} step
   * @param {readonly string[]} root the command prefix that makes us root
   * @param {AbortSignal | undefined} signal
   */
  constructor(step, root, signal) {
    this.#step = step
    this.#root = root
    this.#signal = signal
  }

  /**
   * Fetches the package lists. A failure is ignored: the lists may not be
   * needed, and if they are, the installation fails with a better message.
   */
  async update() {
    const until = Date.now() + LOCK_TIMEOUT_S * 1000
    for (;;) {
      // `DPkg::Lock::Timeout` does not cover the lock of the lists.
      const failure = await this.#run('apt-get', '-q', ...OPTIONS, 'update')
      if (failure === undefined || !LOCKED.test(failure)) return
      if (Date.now() > until) return
      this.#step.progress('waiting for another apt-get to end')
      await delay(LOCK_RETRY_MS, undefined, { signal: this.#signal })
    }
  }

  /**
   * Installs packages.
   *
   * @param {readonly string[]} names
   * @returns {Promise<string | undefined>} apt-get's output if it failed
   */
  async install(names) {
    const failure = await this.#install('--no-install-recommends', ...names)
    if (failure === undefined || !INTERRUPTED.test(failure)) return failure
    await this.#run('dpkg', '--configure', '-a')
    await this.#install('--fix-broken', '--no-remove')
    return this.#install('--no-install-recommends', ...names)
  }

  /**
   * Why a package alone cannot be installed, or undefined if it can.
   *
   * @param {string} name
   */
  refusal(name) {
    return this.#install('--no-install-recommends', '--simulate', name)
  }

  /** @param {string[]} args */
  #install(...args) {
    return this.#run('apt-get', '-q', ...OPTIONS, 'install', '-y', ...args)
  }

  /**
   * @param {string[]} command
   * @returns {Promise<string | undefined>} its output if it failed
   */
  async #run(...command) {
    const [program = '', ...rest] = [
      ...this.#root,
      ...['env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8'],
      ...command,
    ]
    const ending = () => {
      this.#step.progress('stopping: waiting for dpkg to finish')
    }
    this.#signal?.addEventListener('abort', ending, { once: true })
    const { code, tail } = await this.#step.run(program, rest, {
      // An interrupted dpkg is worse than one that keeps running.
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
