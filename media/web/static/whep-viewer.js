/** The server refused; `problem` is its application/problem+json. */
export class Refused extends Error {
  constructor(response, problem) {
    super(problem.title ?? `The server answered ${response.status}`)
    this.name = 'Refused'
    this.status = response.status
    this.problem = problem
    this.retryAfterMs = Number(response.headers.get('Retry-After') ?? 0) * 1000
  }
}

/** Posts an offer; gives the answer with what is needed to go on. */
export async function postOffer(url, sdp, token) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', ...bearer(token) },
    body: sdp,
  })
  if (response.status !== 201) throw await refusal(response)
  return {
    answer: await response.text(),
    resource: new URL(response.headers.get('Location'), response.url),
    etag: response.headers.get('ETag'),
    iceServers: readIceServers(response.headers.get('Link') ?? ''),
  }
}

/** Ends a session. Also called as the page goes: hence keepalive. */
export async function deleteSession(resource) {
  await fetch(resource, { method: 'DELETE', keepalive: true }).catch(() => {})
}

/** Patches a session with a fragment; gives the response. */
export function patchSession(resource, fragment, etag) {
  return fetch(resource, {
    method: 'PATCH',
    headers: {
      'Content-Type': 'application/trickle-ice-sdpfrag',
      'If-Match': etag,
    },
    body: fragment,
  })
}

/**
 * Views a stream. `onTrack` gets the tracks as they come, `onState` the
 * connection's states. The server is ICE-lite with its candidates in the
 * answer, so ours need not be gathered first, nor sent.
 */
export async function view({ url, token, kinds, onTrack, onState }) {
  const pc = new RTCPeerConnection()
  let session
  try {
    for (const kind of kinds) pc.addTransceiver(kind, { direction: 'recvonly' })
    pc.addEventListener('track', ({ track }) => onTrack(track))
    pc.addEventListener('connectionstatechange', () =>
      onState(pc.connectionState),
    )
    const offer = await pc.createOffer()
    session = await postOffer(url, offer.sdp, token)
    if (session.iceServers.length > 0) {
      pc.setConfiguration({ iceServers: session.iceServers })
    }
    await pc.setLocalDescription(offer)
    await pc.setRemoteDescription({ type: 'answer', sdp: session.answer })
    // When the server hangs up, this says so at once; pc takes 7 s and more.
    const [{ transport }] = pc.getReceivers()
    transport?.addEventListener('statechange', () => {
      if (transport.state === 'closed') onState('closed')
    })
  } catch (error) {
    pc.close()
    if (session !== undefined) await deleteSession(session.resource)
    throw error
  }
  return {
    pc,
    restart: () => restart(pc, session),
    close: () => {
      pc.close()
      return deleteSession(session.resource)
    },
  }
}

/** Restarts ICE, as when a phone changes networks. Throws where refused. */
async function restart(pc, session) {
  const offer = await pc.createOffer({ iceRestart: true })
  await pc.setLocalDescription(offer)
  const credentials = offer.sdp.match(/^a=ice-(?:ufrag|pwd):.*\r\n/gm)
  const [media] = offer.sdp.match(/^m=.*\r\n/m)
  const [mid] = offer.sdp.match(/^a=mid:.*\r\n/m)
  const fragment = credentials.slice(0, 2).join('') + media + mid
  const response = await patchSession(session.resource, fragment, '*')
  if (response.status !== 200) throw await refusal(response)
  session.etag = response.headers.get('ETag')
  const restarted = await response.text()
  await pc.setRemoteDescription({
    type: 'answer',
    sdp: withIce(pc.currentRemoteDescription.sdp, restarted),
  })
}

/** The answer `sdp` with credentials and candidates of `fragment`. */
function withIce(sdp, fragment) {
  const [ufrag] = fragment.match(/^a=ice-ufrag:.*\r\n/m)
  const [pwd] = fragment.match(/^a=ice-pwd:.*\r\n/m)
  const candidates = (fragment.match(/^a=candidate:.*\r\n/gm) ?? []).join('')
  return sdp
    .replace(/^a=candidate:.*\r\n/gm, '')
    .replace(/^a=ice-ufrag:.*\r\n/gm, ufrag)
    .replace(/^a=ice-pwd:.*\r\n/gm, pwd)
    .replace(/^a=end-of-candidates\r\n/gm, '')
    .replace(/^a=sendonly\r\n/gm, `a=sendonly\r\n${candidates}`)
}

function bearer(token) {
  return token === '' ? {} : { Authorization: `Bearer ${token}` }
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}))
  return new Refused(response, problem)
}

function readIceServers(header) {
  return header.split(/,\s*(?=<)/).flatMap(link => {
    const urls = /^<([^>]+)>/.exec(link)?.[1]
    if (urls === undefined || !/rel="ice-server"/.test(link)) return []
    const value = name =>
      new RegExp(`; ${name}="((?:[^"\\\\]|\\\\.)*)"`)
        .exec(link)?.[1]
        ?.replace(/\\(.)/g, '$1')
    return [
      { urls, username: value('username'), credential: value('credential') },
    ]
  })
}
