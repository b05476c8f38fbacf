import type { IncomingMessage } from 'node:http'
import {
  checkBearer,
  rejectWrongBearer,
  requireBearer,
  type BearerToken,
} from '../http/bearer.ts'
import { isLocalClient } from '../http/local-client.ts'
import { whepProblem } from './problems.ts'

/**
 * A viewer watches. A probe is the exporter, which plays a stream for a few
 * seconds to prove that viewers could. Each kind has its own sessions.
 */
export type ClientKind = 'viewer' | 'probe'

/** The header by which a client claims to be a probe. */
const CLAIM = 'dragonfork-probe'

export interface ClientTokens {
  /** undefined: viewing is public. */
  readonly viewer: BearerToken | undefined
  /** undefined: a probe comes from this machine. */
  readonly probe: BearerToken | undefined
}

/**
 * Decides the kind of a client, and rejects a client without access. A claim
 * without its proof is rejected, and never becomes a viewer.
 * @param viewerToken whether a viewer must send its token, if one is set
 * @throws {Problem} `token-missing`, `token-wrong`, `probe-malformed`,
 *   `probe-token`, `probe-local-only`
 */
export function clientKind(
  request: IncomingMessage,
  { viewer, probe }: ClientTokens,
  viewerToken: 'required' | 'optional',
): ClientKind {
  const claim = request.headers[CLAIM]
  if (claim !== undefined) {
    if (claim !== '1') {
      throw whepProblem('probe-malformed', 'Send Dragonfork-Probe: 1, once')
    }
    requireProof(request, probe)
    return 'probe'
  }
  const check = viewerToken === 'required' ? requireBearer : rejectWrongBearer
  check(request.headers.authorization, viewer)
  return 'viewer'
}

/** @throws {Problem} `probe-token`, `probe-local-only` */
function requireProof(
  request: IncomingMessage,
  expected: BearerToken | undefined,
): void {
  if (expected === undefined) {
    if (isLocalClient(request)) return
    throw whepProblem(
      'probe-local-only',
      'CORE_EXPORTER_TOKEN is not set, so only clients on this machine can probe',
    )
  }
  // Of repeated headers, Node keeps the first in `headers`; a proxy may have
  // checked another.
  const [header, ...more] = request.headersDistinct['authorization'] ?? []
  const { token, realm, setting } = expected
  if (more.length === 0 && checkBearer(header, token) === 'right') return
  throw whepProblem('probe-token', `A probe sends ${setting} as bearer token`, {
    headers: { 'WWW-Authenticate': `Bearer realm="${realm}"` },
  })
}
