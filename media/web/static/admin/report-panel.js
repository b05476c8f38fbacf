import { errorWords } from './api.js'
import { element, setText } from './element.js'
import { Poll } from '../poll.js'
import { endings, lastLines } from './report-lines.js'
import { clockTime } from './units.js'

const REFRESH_MS = 2_000
const MAX_LINES = 100

/** The last lines of a stream's FFmpeg, and its recent exits. */
export class ReportPanel {
  element = element('section')
  #poll
  #endings = element('ul')
  /** The text of `#endings`. */
  #shown = ''
  #none = element('p', { class: 'quiet' }, ['FFmpeg has not exited so far.'])
  #lines = element('pre', {
    class: 'log',
    tabindex: '0',
    role: 'region',
    'aria-label': 'Last lines of FFmpeg',
  })

  /**
   * @param {import('./api.js').Api} api
   * @param {string} id of the process
   */
  constructor(api, id) {
    const path = `process/${encodeURIComponent(id)}/report`
    this.element.append(
      element('h2', {}, ['Recent exits of FFmpeg']),
      this.#none,
      this.#endings,
      element('h2', {}, [`Last ${MAX_LINES} lines of FFmpeg`]),
      this.#lines,
    )
    this.#poll = new Poll(REFRESH_MS, async signal => {
      try {
        const report = await api.call('GET', path, { signal })
        if (isReport(report)) this.#show(report)
      } catch (error) {
        signal.throwIfAborted()
        setText(this.#lines, errorWords(error))
      }
    })
  }

  open() {
    this.#poll.start()
  }

  close() {
    this.#poll.stop()
  }

  /** @param {import('./report-lines.js').Report} report */
  #show(report) {
    const ends = endings(report).map(
      ({ at, how, line }) => `${clockTime(at)}: ${how}. ${line}`,
    )
    this.#none.hidden = ends.length > 0
    if (ends.join('\n') !== this.#shown) {
      this.#shown = ends.join('\n')
      this.#endings.replaceChildren(
        ...ends.map(end => element('li', {}, [end])),
      )
    }
    const lines = lastLines(report, MAX_LINES).map(({ at, line }) =>
      at === undefined ? line : `${clockTime(at)}  ${line}`,
    )
    const text = lines.join('\n')
    if (text === this.#lines.textContent) return
    const { scrollTop, clientHeight, scrollHeight } = this.#lines
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - 4
    this.#lines.textContent = text
    if (isAtEnd) this.#lines.scrollTop = this.#lines.scrollHeight
  }
}

/**
 * @param {unknown} body
 * @returns {body is import('./report-lines.js').Report}
 */
function isReport(body) {
  return typeof body === 'object' && body !== null && 'history' in body
}
