/** The operator's page: polls the overview and shows the view of the URL. */
import { find } from '../find.js'
import { Api, ApiError, errorWords } from './api.js'
import { Access } from './access.js'
import { arrange, element, setText } from './element.js'
import { FormView } from './form.js'
import { ListView } from './list.js'
import { isOverview } from './overview.js'
import { Poll } from '../poll.js'
import { routeOf } from './route.js'
import { StreamView } from './stream.js'
import { boxWords } from './stream-words.js'
import { keptToken } from './token.js'
import { clockTime } from './units.js'

const REFRESH_MS = 2_000

/**
 * A view of the page.
 *
 * @typedef {object} View
 * @property {string} title
 * @property {HTMLElement} element with an h1 that can take the focus
 * @property {(overview: import('./overview.js').Overview) => void} show called
 *   with each new overview
 * @property {() => void} open starts its requests; again after `close`
 * @property {() => void} close ends its requests and its preview; what the
 *   operator typed stays
 */

const place = find('#view', HTMLElement)
const box = find('#box', HTMLElement)
const away = find('#away', HTMLElement)

const access = new Access(() => {
  place.hidden = false
  poll.start()
  view?.open()
})
const api = new Api({
  base: new URL('../api/v3/', location.href),
  token: keptToken,
  onRefused: error => {
    poll.stop()
    view?.close()
    place.hidden = true
    box.replaceChildren()
    away.textContent = ''
    access.ask(error)
  },
})

/** @type {import('./overview.js').Overview | undefined} */
let latest
/** @type {View | undefined} */
let view

const poll = new Poll(REFRESH_MS, async signal => {
  try {
    const body = await api.call('GET', 'webrtc/overview', { signal })
    if (!isOverview(body)) throw new TypeError('The server sent no overview.')
    latest = body
    show()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ApiError && error.isAccess) return
    const age = latest ? ` This is the state of ${clockTime(latest.time)}.` : ''
    setText(away, errorWords(error) + age)
  }
})

function show() {
  if (latest === undefined) return
  setText(away, '')
  const items = boxWords(latest)
  arrange(
    box,
    items.map((_, at) => box.children[at] ?? element('li')),
  )
  for (const [at, { words, bad }] of items.entries()) {
    const item = box.children[at]
    if (item === undefined) continue
    setText(item, words)
    item.classList.toggle('bad', bad)
  }
  view?.show(latest)
}

/** @returns {View} */
function viewOf() {
  const route = routeOf(location.hash)
  switch (route.at) {
    case 'list':
      return new ListView(api)
    case 'stream':
      return new StreamView(api, route.id)
    case 'add':
      return new FormView(api)
    case 'edit':
      return new FormView(api, route.id)
  }
}

/** Shows the view of the URL, in place of the last one. */
function enter() {
  view?.close()
  view = viewOf()
  place.replaceChildren(view.element)
  view.open()
  document.title = `${view.title} - Dragon Fork`
  if (latest !== undefined) view.show(latest)
}

window.addEventListener('hashchange', () => {
  enter()
  window.scrollTo(0, 0)
  place.querySelector('h1')?.focus()
})
window.addEventListener('pagehide', () => {
  view?.close()
})
// The page was restored from the browser's back/forward cache.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) view?.open()
})
enter()
poll.start()
