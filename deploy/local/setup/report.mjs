/** Shows the steps of the set-up with their duration and progress. */

/** How often progress is printed where it cannot be redrawn. */
const LINE_INTERVAL_MS = 10_000
/** How often progress is redrawn on a terminal, so that its time advances. */
const DRAW_INTERVAL_MS = 500
const ERASE_LINE = '\r\u001b[K'

/**
 * @typedef {object} Out where to write: a terminal, or anything else
 * @property {boolean} [isTTY]
 * @property {number} [columns]
 * @property {(text: string) => unknown} write
 */

export class Report {
  #out
  #drawn = false

  /**
   * @param {Out} out
   */
  constructor(out) {
    this.#out = out
  }

  /**
   * Prints a line.
   *
   * @param {string} text
   */
  say(text) {
    this.#erase()
    this.#out.write(`[setup] ${text}\n`)
  }

  /**
   * Runs one step of the set-up: prints what it is and how long that usually
   * takes, its progress, and how long it took. Prints nothing on failure,
   * because the caller reports the error. The work calls `progress`.
   *
   * @template T
   * @param {string} what
   * @param {string} usually
   * @param {(progress: (text: string) => void) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async step(what, usually, work) {
    const startedAt = Date.now()
    const elapsed = () => duration(Date.now() - startedAt)
    let latest = ''
    const timer = setInterval(
      () => {
        this.#show(`[setup]   ${elapsed()}  ${latest}`.trimEnd())
      },
      this.#out.isTTY ? DRAW_INTERVAL_MS : LINE_INTERVAL_MS,
    )
    this.say(`${what}, ${usually}`)
    try {
      const result = await work(text => {
        latest = text
      })
      this.say(`${what}: done in ${elapsed()}`)
      return result
    } finally {
      clearInterval(timer)
      this.#erase()
    }
  }

  /**
   * On a terminal, draws a line over the last one; elsewhere, prints it.
   *
   * @param {string} line
   */
  #show(line) {
    if (!this.#out.isTTY) {
      this.#out.write(`${line}\n`)
      return
    }
    this.#erase()
    // A line that wraps cannot be erased. A terminal that does not know its
    // width reports 0.
    const { columns = 0 } = this.#out
    this.#out.write(line.slice(0, (columns > 0 ? columns : 80) - 1))
    this.#drawn = true
  }

  #erase() {
    if (this.#drawn) this.#out.write(ERASE_LINE)
    this.#drawn = false
  }
}

/**
 * A bar for a count: `[#####...............]  64/261`.
 *
 * @param {number} done
 * @param {number} total
 */
export function bar(done, total) {
  const WIDTH = 20
  const full = Math.floor((WIDTH * done) / Math.max(1, total))
  const width = String(total).length
  const drawn = '#'.repeat(full).padEnd(WIDTH, '.')
  return `[${drawn}] ${String(done).padStart(width)}/${total}`
}

/**
 * @param {number} ms
 */
function duration(ms) {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const rest = String(seconds % 60).padStart(2, '0')
  return `${Math.floor(seconds / 60)}:${rest} min`
}
