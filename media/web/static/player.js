/** The player page: connects its elements to Playback and ErrorTrigger. */
import { showAdminLink } from './admin-link.js'
import { hashOf } from './admin/route.js'
import { find } from './find.js'
import { Playback } from './playback.js'
import { ErrorTrigger } from './provoke.js'

const LOOK_MS = 1_000
/** After a longer pause between frames, the next one is checked at once. */
const RARE_MS = 2_000
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
const admin = find('#admin', HTMLAnchorElement)
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
    // Screen readers would read out the same text again.
    if (state.textContent !== words) state.textContent = words
  },
  onTokenRefused: () => {
    access.hidden = false
    tokenInput.focus()
  },
})

/**
 * Decodes a URL segment; returns it unchanged if it is malformed.
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

/** Hides what the stream does not have: the sound button, the picture. */
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
 * Checks at once when a frame arrives after a pause: the first one, or one of a
 * source that sends few.
 *
 * @param {number} lastMs time of the last frame
 */
function lookAtPictures(lastMs) {
  video.requestVideoFrameCallback(nowMs => {
    if (nowMs - lastMs > RARE_MS) void look()
    lookAtPictures(nowMs)
  })
}

find('#title', HTMLElement).textContent = streamId
document.title = `${streamId} - Dragon Fork`
admin.href = `../admin/${hashOf({ at: 'stream', id: streamId })}`
void showAdminLink(admin, new URL('..', location.href))
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
// The page was restored from the browser's back/forward cache.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) playback.start()
})

new ErrorTrigger({ url, token, log: find('#log', HTMLElement) }).listen(
  find('#provoke', HTMLElement),
)
playback.start()
void keepLooking()
if ('requestVideoFrameCallback' in video) lookAtPictures(-RARE_MS)
