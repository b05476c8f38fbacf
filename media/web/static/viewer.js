import {
  deleteSession,
  patchSession,
  postOffer,
  refusal,
} from './whep-client.js'

/**
 * @typedef {'audio' | 'video'} Kind
 *
 * @typedef {Partial<Record<Kind, RTCInboundRtpStreamStats>>} Inbound what is
 *   received; a kind that has no packet yet may be absent
 *
 * @typedef {object} ViewerOptions
 * @property {URL} url of the WHEP endpoint
 * @property {string} token '' for none
 * @property {readonly Kind[]} kinds to ask for
 * @property {(track: MediaStreamTrack) => void} onTrack
 * @property {(state: RTCPeerConnectionState) => void} onState
 */

/** One view of a stream, from its offer until `close`. */
export class Viewer {
  #options
  #pc = new RTCPeerConnection()
  #gone = new AbortController()
  /** @type {URL | undefined} */
  #resource
  /** Settles when the offer was answered or refused. @type {Promise<unknown>} */
  #offered = Promise.resolve()

  /** @param {ViewerOptions} options */
  constructor(options) {
    this.#options = options
  }

  /**
   * Opens the view. The server is ICE-lite with its candidates in the answer,
   * so ours need not be gathered first, nor sent.
   *
   * @throws {import('./whep-client.js').Refused}
   * @throws {import('./whep-client.js').Unreachable}
   * @throws {DOMException} once `close` was called
   */
  async open() {
    const { url, token, kinds, onTrack, onState } = this.#options
    const { signal } = this.#gone
    signal.throwIfAborted()
    const pc = this.#pc
    for (const kind of kinds) pc.addTransceiver(kind, { direction: 'recvonly' })
    pc.addEventListener('track', ({ track }) => {
      onTrack(track)
    })
    pc.addEventListener('connectionstatechange', () => {
      onState(pc.connectionState)
    })
    const offer = await pc.createOffer()
    signal.throwIfAborted()
    // Not aborted: an answer that is under way would leave a session behind.
    const posted = postOffer(url, offer.sdp ?? '', token)
    this.#offered = posted.catch(() => undefined)
    const session = await posted
    // From here on `close` can tell the server.
    this.#resource = session.resource
    signal.throwIfAborted()
    const answer = await session.answer()
    signal.throwIfAborted()
    if (session.iceServers.length > 0) {
      pc.setConfiguration({ iceServers: session.iceServers })
    }
    await pc.setLocalDescription(offer)
    signal.throwIfAborted()
    await pc.setRemoteDescription({ type: 'answer', sdp: answer })
    signal.throwIfAborted()
    // When the server hangs up, this says so at once; pc takes 7 s and more.
    const transport = pc.getReceivers()[0]?.transport
    transport?.addEventListener('statechange', () => {
      if (transport.state === 'closed') onState('closed')
    })
  }

  /**
   * Restarts ICE, as when a phone changes networks.
   *
   * @throws as `open`; the view goes on as it was
   */
  async restart() {
    const { signal } = this.#gone
    const pc = this.#pc
    const sdp = pc.currentRemoteDescription?.sdp
    if (this.#resource === undefined || sdp === undefined) return
    const offer = await pc.createOffer({ iceRestart: true })
    signal.throwIfAborted()
    await pc.setLocalDescription(offer)
    const fragment = restartFragment(offer.sdp ?? '')
    const response = await patchSession(this.#resource, fragment, signal)
    if (response.status !== 200) throw await refusal(response)
    const restarted = await response.text()
    signal.throwIfAborted()
    await pc.setRemoteDescription({
      type: 'answer',
      sdp: withIce(sdp, restarted),
    })
  }

  /**
   * How picture and sound do.
   *
   * @returns {Promise<Inbound>}
   */
  async stats() {
    /** @type {Inbound} */
    const inbound = {}
    const report = await this.#pc.getStats()
    report.forEach((/** @type {RTCInboundRtpStreamStats} */ each) => {
      const { type, kind } = each
      if (type !== 'inbound-rtp') return
      if (kind === 'video' || kind === 'audio') inbound[kind] = each
    })
    return inbound
  }

  /**
   * Ends it, wherever it is, and tells the server: at once where it can, as
   * the page may be going. Settles when the server knows.
   */
  async close() {
    if (this.#gone.signal.aborted) return
    this.#gone.abort()
    this.#pc.close()
    if (this.#resource === undefined) await this.#offered
    if (this.#resource !== undefined) await deleteSession(this.#resource)
  }
}

/**
 * The new credentials in `offer`, as PATCH takes them.
 *
 * @param {string} offer
 */
function restartFragment(offer) {
  return [
    /^a=ice-ufrag:.*\r\n/m,
    /^a=ice-pwd:.*\r\n/m,
    /^m=.*\r\n/m,
    /^a=mid:.*\r\n/m,
  ]
    .map(line => line.exec(offer)?.[0] ?? '')
    .join('')
}

/**
 * The answer `sdp` with credentials and candidates of `fragment`.
 *
 * @param {string} sdp
 * @param {string} fragment
 */
function withIce(sdp, fragment) {
  const ufrag = /^a=ice-ufrag:.*\r\n/m.exec(fragment)?.[0] ?? ''
  const pwd = /^a=ice-pwd:.*\r\n/m.exec(fragment)?.[0] ?? ''
  const candidates = (fragment.match(/^a=candidate:.*\r\n/gm) ?? []).join('')
  return sdp
    .replace(/^a=candidate:.*\r\n/gm, '')
    .replace(/^a=ice-ufrag:.*\r\n/gm, ufrag)
    .replace(/^a=ice-pwd:.*\r\n/gm, pwd)
    .replace(/^a=end-of-candidates\r\n/gm, '')
    .replace(/^a=sendonly\r\n/gm, `a=sendonly\r\n${candidates}`)
}
