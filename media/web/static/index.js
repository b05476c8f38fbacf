import { showAdminLink } from './admin-link.js'
import { find } from './find.js'

const REFRESH_MS = 5_000

const streams = find('#streams', HTMLElement)
const away = find('#away', HTMLElement)
const none = find('#none', HTMLElement)
const form = find('#open', HTMLFormElement)
const input = find('#id', HTMLInputElement)

/** Replaces the list by that of a freshly loaded page. */
async function refresh() {
  const response = await fetch(location.href)
  if (!response.ok) throw new Error(`The server answered ${response.status}`)
  const page = new DOMParser().parseFromString(
    await response.text(),
    'text/html',
  )
  const fresh = page.querySelector('#streams')
  if (fresh === null || fresh.innerHTML === streams.innerHTML) return
  const focused = document.activeElement?.getAttribute('href')
  streams.replaceChildren(...fresh.children)
  for (const link of streams.querySelectorAll('a')) {
    if (link.getAttribute('href') === focused) link.focus()
  }
  showNone()
}

function showNone() {
  none.hidden = streams.childElementCount > 0
}

async function keepRefreshing() {
  if (!document.hidden) {
    away.textContent = await refresh().then(
      () => '',
      () => 'The server cannot be reached: this list may be outdated.',
    )
  }
  setTimeout(() => void keepRefreshing(), REFRESH_MS)
}

form.addEventListener('submit', event => {
  event.preventDefault()
  const id = input.value.trim()
  if (id !== '') location.href = `player/${encodeURIComponent(id)}`
})
void showAdminLink(find('#admin', HTMLElement), new URL('.', location.href))
showNone()
setTimeout(() => void keepRefreshing(), REFRESH_MS)
