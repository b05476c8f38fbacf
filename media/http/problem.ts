/** Every error that the HTTP API answers with, and its status code. */
export const PROBLEMS = {
  'bad-request': { status: 400, title: 'The request is not HTTP' },
  'malformed-offer': {
    status: 400,
    title: 'The offer is not SDP that can be answered',
  },
  'malformed-fragment': {
    status: 400,
    title: 'The body is not a trickle ICE fragment',
  },
  'token-missing': { status: 401, title: 'Send a bearer token' },
  'token-wrong': {
    status: 401,
    title: 'The bearer token is not the right one',
  },
  'admin-local-only': {
    status: 403,
    title: 'Call from this machine, or set CORE_API_TOKEN and send it',
  },
  'not-found': { status: 404, title: 'There is nothing at this address' },
  'stream-unknown': {
    status: 404,
    title: 'No stream has this id: check the address',
  },
  'session-unknown': {
    status: 404,
    title: 'There is no such session: start a new one',
  },
  'session-ended': {
    status: 404,
    title: 'The session has ended: start a new one',
  },
  'ice-timeout': {
    status: 404,
    title:
      'The session ended because no media connection came about in time: ' +
      'check that UDP reaches the server, then start a new one',
  },
  'peer-unknown': { status: 404, title: 'The stream has no such viewer' },
  'method-not-allowed': {
    status: 405,
    title: 'This address does not take that method: see Allow',
  },
  'codec-mismatch': {
    status: 406,
    title: 'Offer the codec that the stream has: there is none in common',
  },
  'request-too-slow': {
    status: 408,
    title: 'The request did not arrive in time: try again',
  },
  'stream-not-live': {
    status: 409,
    title: 'The stream has no media yet: try again soon',
  },
  'etag-stale': {
    status: 412,
    title: 'The session has another ETag by now: use the newest',
  },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'media-type': {
    status: 415,
    title: 'Send the body with another Content-Type: see Accept',
  },
  'etag-missing': {
    status: 428,
    title: 'Send If-Match with the ETag of the session',
  },
  'header-too-large': {
    status: 431,
    title: 'The header of the request is too large',
  },
  'too-many-posts': {
    status: 429,
    title: 'Too many sessions were asked for: try again later',
  },
  'too-many-patches': {
    status: 429,
    title: 'Too many requests for one session: try again soon',
  },
  internal: { status: 500, title: 'The server failed: see its log' },
  'cap-reached': {
    status: 503,
    title: 'No more viewers are admitted: try again later',
  },
  'ports-exhausted': {
    status: 503,
    title: 'The server has no free media port: try again later',
  },
  'layouts-exhausted': {
    status: 503,
    title: 'Too many different players watch the stream: try again later',
  },
  'worker-unavailable': {
    status: 503,
    title: 'The media worker is being replaced: try again soon',
  },
  'shutting-down': {
    status: 503,
    title: 'The server is shutting down: try again later',
  },
  'worker-timeout': {
    status: 504,
    title: 'The media worker did not answer in time: try again',
  },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof PROBLEMS

export interface ProblemOptions extends ErrorOptions {
  /** Response headers, such as Retry-After. */
  readonly headers?: Readonly<Record<string, string>>
  /** Members of the body beside the standard ones (RFC 9457, 3.2). */
  readonly members?: Readonly<Record<string, unknown>>
}

/** An error of the HTTP API. The message becomes the body's `detail`. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>

  constructor(
    code: ProblemCode,
    detail: string,
    { headers = {}, members = {}, ...options }: ProblemOptions = {},
  ) {
    super(detail, options)
    this.code = code
    this.headers = headers
    this.members = members
  }

  get status(): number {
    return PROBLEMS[this.code].status
  }
}

/** What to answer where `error` was thrown: unknown ones tell nothing. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem('internal', 'The request could not be handled', {
    cause: error,
  })
}

/**
 * The body of application/problem+json (RFC 9457), with upstream Core's
 * `code` and `message` beside the standard members.
 */
export function problemBody(problem: Problem): Record<string, unknown> {
  const { status, title } = PROBLEMS[problem.code]
  return {
    ...problem.members,
    type: `urn:dragonfork:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: status,
    message: title,
  }
}
