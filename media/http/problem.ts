/**
 * Errors of the HTTP API, as application/problem+json (RFC 9457). Each folder
 * that answers requests has its own table of codes.
 */

/** Status code and title of each code. */
export type ProblemTable<Code extends string = string> = Readonly<
  Record<Code, { readonly status: number; readonly title: string }>
>

export interface ProblemOptions extends ErrorOptions {
  /** Response headers, such as Retry-After. */
  readonly headers?: Readonly<Record<string, string>>
  /** Extension members of the body (RFC 9457, 3.2). */
  readonly members?: Readonly<Record<string, unknown>>
}

interface ProblemKind {
  readonly code: string
  readonly status: number
  readonly title: string
}

/** An error of the HTTP API. The message becomes the body's `detail`. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: string
  readonly status: number
  readonly title: string
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>

  constructor(
    { code, status, title }: ProblemKind,
    detail: string,
    { headers = {}, members = {}, ...options }: ProblemOptions = {},
  ) {
    super(detail, options)
    this.code = code
    this.status = status
    this.title = title
    this.headers = headers
    this.members = members
  }
}

/** Creates problems with the codes of one table. */
export type ProblemFactory<Code extends string> = (
  code: Code,
  detail: string,
  options?: ProblemOptions,
) => Problem

/** The factory for the codes of `table`. */
export function problemFactory<Code extends string>(
  table: ProblemTable<Code>,
): ProblemFactory<Code> {
  return (code, detail, options) => {
    return new Problem({ code, ...table[code] }, detail, options)
  }
}

/** Problems that any route can answer with. */
const HTTP_PROBLEMS = {
  'bad-request': { status: 400, title: 'The request is not valid HTTP' },
  'token-missing': { status: 401, title: 'Send a bearer token' },
  'token-wrong': {
    status: 401,
    title: 'The bearer token is wrong',
  },
  'not-found': { status: 404, title: 'Nothing exists at this address' },
  'method-not-allowed': {
    status: 405,
    title: 'This address does not support the method: see Allow',
  },
  'request-too-slow': {
    status: 408,
    title: 'The request did not arrive in time: try again',
  },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'media-type': {
    status: 415,
    title: 'This Content-Type is not supported',
  },
  'not-json': { status: 400, title: 'The body is not JSON' },
  'header-too-large': {
    status: 431,
    title: 'The request header is too large',
  },
  internal: { status: 500, title: 'The server failed: see its log' },
} as const satisfies ProblemTable

export type HttpProblemCode = keyof typeof HTTP_PROBLEMS

export const httpProblem = problemFactory(HTTP_PROBLEMS)

/** The problem for `error`; an unexpected error reveals no details. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return httpProblem('internal', 'The request failed', {
    cause: error,
  })
}

/**
 * The body of application/problem+json (RFC 9457), with upstream Core's
 * `code` and `message` in addition to the standard members.
 */
export function problemBody(problem: Problem): Record<string, unknown> {
  const { code, status, title } = problem
  return {
    ...problem.members,
    type: `urn:dragonfork:problem:${code}`,
    title,
    status,
    detail: problem.message,
    code: status,
    message: title,
  }
}
