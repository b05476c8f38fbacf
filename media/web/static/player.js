import { Provoker } from './provoke.js'
import { Refused, view } from './whep-viewer.js'

/** Without a frame for so long, something is wrong although it is connected. */
const NO_PICTURE_MS = 6_000
/** A picture that stands still for so long is worth a word. */
const STILL_MS = 4_000
/** A lost connection gets so long to come back before ICE is restarted. */
const PATIENCE_MS = 2_000
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000]

const streamId = decodeURIComponent(location.pathname.split('/').at(-1))
const url = new URL(
  `../api/v3/whep/${encodeURIComponent(streamId)}`,
  location.href,
)
const element = id => document.getElementById(id)
const video = element('video')

let viewer
let attempt = 0
let timer
/** Grows with each start: what belongs to an older one is not heard. */
let turn = 0
let kinds = ['video', 'audio']
let notice = ''
let token = sessionStorage.getItem('whep-token') ?? ''

function show(state, words) {
  element('state').dataset.state = state
  element('state').textContent = [words, notice].filter(Boolean).join(' ')
}

async function stop() {
  clearTimeout(timer)
  turn++
  const old = viewer
  viewer = undefined
  video.srcObject = null
  await old?.close()
}

async function start() {
  await stop()
  const mine = turn
  show('starting', 'Connecting to the stream.')
  const stream = new MediaStream()
  try {
    const opened = await view({
      url,
      token,
      kinds,
      onTrack: track => stream.addTrack(track),
      onState: state => {
        if (mine === turn) onConnection(state, mine)
      },
    })
    if (mine !== turn) {
      await opened.close()
      return
    }
    viewer = opened
    video.srcObject = stream
    // A browser may still want a gesture; the controls are there for it.
    video.play().catch(() => {})
  } catch (error) {
    if (mine === turn) onRefused(error)
  }
}

function onConnection(state, mine) {
  clearTimeout(timer)
  switch (state) {
    case 'connected':
      attempt = 0
      show('connected', 'Connected, waiting for the first picture.')
      timer = setTimeout(onNoPicture, NO_PICTURE_MS)
      return
    case 'disconnected':
      show('starting', 'The connection was lost; trying to get it back.')
      timer = setTimeout(() => restart(mine), PATIENCE_MS)
      return
    case 'closed':
      show('failed', 'The server ended this view.')
      later()
      return
    case 'failed':
      show('failed', 'No connection to the media server came about.')
      later()
      return
  }
}

async function restart(mine) {
  try {
    await viewer?.restart()
    if (mine === turn) timer = setTimeout(later, 5_000)
  } catch {
    if (mine === turn) void start()
  }
}

function onNoPicture() {
  show('failed', 'Connected, but no picture arrives: the source may be down.')
  later()
}

function onRefused(error) {
  if (!(error instanceof Refused)) {
    show('failed', 'The server cannot be reached.')
    later()
    return
  }
  const { status, problem } = error
  switch (status) {
    case 401:
      show('failed', 'This stream wants a viewer token.')
      element('access').hidden = false
      return
    case 404:
      show('failed', `There is no stream called ${streamId}.`)
      later(10_000)
      return
    case 406:
      onMismatch(problem)
      return
    case 409:
      show('starting', 'The stream has not started yet.')
      later(error.retryAfterMs)
      return
    case 503:
      show('failed', busyWords(problem))
      later(error.retryAfterMs)
      return
    default:
      show('failed', `${error.message}.`)
      later(error.retryAfterMs)
  }
}

/** Plays what is left where the browser cannot decode one kind. */
function onMismatch({ kinds: missing = [], detail = '' }) {
  const left = kinds.filter(kind => !missing.includes(kind))
  notice = `This browser cannot play the ${missing.join(' and ')}: ${detail}.`
  if (left.length === 0 || left.length === kinds.length) {
    show('failed', '')
    return
  }
  kinds = left
  void start()
}

function busyWords({ scope, limit }) {
  if (scope === 'stream') return `All ${limit} places of this stream are taken.`
  if (scope === 'global') return `All ${limit} places of the server are taken.`
  return 'The server has no room at the moment.'
}

function later(waitMs = 0) {
  clearTimeout(timer)
  const backoffMs = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]
  attempt++
  const ms = Math.max(waitMs, backoffMs)
  element('state').textContent += ` Trying again in ${Math.ceil(ms / 1000)} s.`
  timer = setTimeout(() => void start(), ms)
}

function onPicture() {
  if (element('state').dataset.state !== 'connected') return
  clearTimeout(timer)
  show('playing', 'Playing.')
}

let decoded = 0
let decodedAt = 0

/** Frames come as long as the source sends, whatever the connection says. */
function watchPicture(frames, state) {
  const now = performance.now()
  if (frames !== decoded) {
    decoded = frames
    decodedAt = now
    if (state === 'still') show('playing', 'Playing.')
  } else if (state === 'playing' && now - decodedAt > STILL_MS) {
    show('still', 'The picture stands still: waiting for the source.')
  }
}

async function countFrames() {
  const picture = await pictureStats().catch(() => undefined)
  const frames = picture?.framesDecoded
  if (frames === undefined) {
    element('numbers').textContent = ''
  } else {
    document.body.dataset.frames = frames
    watchPicture(frames, element('state').dataset.state)
    const { frameWidth = 0, frameHeight = 0, framesPerSecond = 0 } = picture
    element('numbers').textContent =
      `${frameWidth}×${frameHeight}, ${Math.round(framesPerSecond)} frames a ` +
      `second, ${frames} decoded, ${picture.packetsLost} packets lost`
  }
  setTimeout(() => void countFrames(), 1_000)
}

async function pictureStats() {
  if (viewer === undefined) return undefined
  const reports = [...(await viewer.pc.getStats()).values()]
  return reports.find(
    ({ type, kind }) => type === 'inbound-rtp' && kind === 'video',
  )
}

element('title').textContent = streamId
document.title = `${streamId} - Dragon Fork`
for (const name of ['playing', 'timeupdate']) {
  video.addEventListener(name, onPicture)
}
element('sound').addEventListener('click', () => {
  video.muted = !video.muted
})
video.addEventListener('volumechange', () => {
  element('sound').textContent = video.muted
    ? 'Turn sound on'
    : 'Turn sound off'
})
element('retry').addEventListener('click', () => {
  attempt = 0
  kinds = ['video', 'audio']
  notice = ''
  void start()
})
element('access').addEventListener('submit', event => {
  event.preventDefault()
  token = new FormData(event.target).get('token').trim()
  sessionStorage.setItem('whep-token', token)
  event.target.hidden = true
  void start()
})
window.addEventListener('pagehide', () => void stop())

new Provoker({ url, tokenOf: () => token, log: element('log') }).listen(
  element('provoke'),
)
void countFrames()
void start()
