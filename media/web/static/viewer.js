import {
  deleteSession,
  patchSession,
  postOffer,
  refusal,
} from './whep-client.js'

/**
 * @typedef {'audio' | 'video'} Kind
 *
 * @typedef {Partial<Record<Kind, RTCInboundRtpStreamStats>>} Inbound stats by
 *   kind; a kind without packets may be absent
 *
 * @typedef {object} ViewerOptions
 * @property {URL} url of the WHEP endpoint
 * @property {string} token '' for none
 * @property {readonly Kind[]} kinds to request
 * @property {(track: MediaStreamTrack) => void} onTrack
 * @property {(state: RTCPeerConnectionState) => void} onState
 */

/** One WHEP session, from its offer until `close`. */
export class Viewer {
  #options
  #pc = new RTCPeerConnection()
  #closing = new AbortController()
  /** @type {URL | undefined} */
  #resource
  /** Settles once the offer is answered or refused. @type {Promise<unknown>} */
  #offered = Promise.resolve()

  /** @param {ViewerOptions} options */
  constructor(options) {
    this.#options = options
  }

  /**
   * Opens the session. The server is ICE-lite with its candidates in the
   * answer, so ours need not be gathered first or sent.
   *
   * @throws {import('./whep-client.js').Refused}
   * @throws {import('./whep-client.js').Unreachable}
   * @throws {DOMException} after `close`
   */
  async open() {
    const { url, token, kinds, onTrack, onState } = this.#options
    const { signal } = this.#closing
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
    // Never aborted: an answer in flight would leave a session behind.
    const posted = postOffer(url, offer.sdp ?? '', token)
    this.#offered = posted.catch(() => undefined)
    const session = await posted
    // From here on `close` can end it at the server.
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
    // If the server closes, this fires at once; pc takes 7 s or more.
    const transport = pc.getReceivers()[0]?.transport
    transport?.addEventListener('statechange', () => {
      if (transport.state === 'closed') onState('closed')
    })
  }

  /**
   * Restarts ICE, as when a phone changes networks.
   *
   * @throws like `open`; the session continues as before
   */
  async restart() {
    const { signal } = this.#closing
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
   * The stats of picture and sound.
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
   * Ends the session here and at the server, at once if possible, since the
   * page may be closing. Settles once the server has answered.
   */
  async close() {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#pc.close()
    if (this.#resource === undefined) await this.#offered
    if (this.#resource !== undefined) await deleteSession(this.#resource)
  }
}

/**
 * The fragment for PATCH with the new credentials in `offer`.
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
 * The answer `sdp` with the credentials and candidates of `fragment`.
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
