import { find } from './find.js'
import { Playback } from './playback.js'
import { Provoker } from './provoke.js'

const LOOK_MS = 1_000
/** After a pause of so long a picture is looked at as it comes. */
const SELDOM_MS = 2_000
const TOKEN = 'whep-token'

const streamId = decoded(location.pathname.split('/').at(-1) ?? '')
const url = new URL(
  `../api/v3/whep/${encodeURIComponent(streamId)}`,
  location.href,
)
const statusUrl = new URL(
  `${encodeURIComponent(streamId)}/status`,
  location.href,
)
const video = find('#video', HTMLVideoElement)
const state = find('#state', HTMLElement)
const numbers = find('#numbers', HTMLElement)
const sound = find('#sound', HTMLButtonElement)
const access = find('#access', HTMLFormElement)
const tokenInput = find('#token', HTMLInputElement)

const token = () => sessionStorage.getItem(TOKEN) ?? ''

const playback = new Playback({
  url,
  statusUrl,
  streamId,
  video,
  token,
  show: (name, words) => {
    state.dataset['state'] = name
    // The same words again would be read out again.
    if (state.textContent !== words) state.textContent = words
  },
  onTokenRefused: () => {
    access.hidden = false
    tokenInput.focus()
  },
})

/**
 * What a part of an address says; one that says nothing is taken as it is.
 *
 * @param {string} part
 */
function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** @param {RTCInboundRtpStreamStats | undefined} stats */
function showNumbers(stats) {
  const { framesDecoded, frameWidth = 0, frameHeight = 0 } = stats ?? {}
  if (stats === undefined || framesDecoded === undefined) {
    numbers.textContent = ''
    return
  }
  document.body.dataset['frames'] = `${framesDecoded}`
  const { framesPerSecond = 0, packetsLost = 0 } = stats
  numbers.textContent =
    `${frameWidth}×${frameHeight}, ${Math.round(framesPerSecond)} frames a ` +
    `second, ${framesDecoded} decoded, ${packetsLost} packets lost`
}

/** Fits the page to what the stream has: without picture it needs no box. */
function showKinds() {
  const media = video.srcObject
  if (!(media instanceof MediaStream)) return
  sound.hidden = media.getAudioTracks().length === 0
  video.classList.toggle('no-picture', media.getVideoTracks().length === 0)
}

async function look() {
  showKinds()
  showNumbers(await playback.look())
}

async function keepLooking() {
  await look()
  setTimeout(() => void keepLooking(), LOOK_MS)
}

/**
 * Looks at once where a picture comes after a while: the first, or one of a
 * source that sends few.
 *
 * @param {number} lastMs when the last one came
 */
function lookAtPictures(lastMs) {
  video.requestVideoFrameCallback(nowMs => {
    if (nowMs - lastMs > SELDOM_MS) void look()
    lookAtPictures(nowMs)
  })
}

find('#title', HTMLElement).textContent = streamId
document.title = `${streamId} - Dragon Fork`
for (const name of ['playing', 'pause']) {
  video.addEventListener(name, () => void look())
}
sound.addEventListener('click', () => {
  video.muted = !video.muted
})
video.addEventListener('volumechange', () => {
  sound.textContent = video.muted ? 'Turn sound on' : 'Turn sound off'
})
find('#retry', HTMLButtonElement).addEventListener('click', () => {
  playback.start()
})
access.addEventListener('submit', event => {
  event.preventDefault()
  sessionStorage.setItem(TOKEN, tokenInput.value.trim())
  access.hidden = true
  playback.start()
})
window.addEventListener('pagehide', () => {
  playback.stop()
})
// Back in a page that the browser had kept as it was left.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) playback.start()
})

new Provoker({ url, token, log: find('#log', HTMLElement) }).listen(
  find('#provoke', HTMLElement),
)
playback.start()
void keepLooking()
if ('requestVideoFrameCallback' in video) lookAtPictures(-SELDOM_MS)
