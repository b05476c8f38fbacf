import { problemFactory, type ProblemTable } from '../http/problem.ts'

/** Problems that only WHEP answers with. */
const WHEP_PROBLEMS = {
  'malformed-offer': {
    status: 400,
    title: 'The offer is not SDP that can be answered',
  },
  'malformed-fragment': {
    status: 400,
    title: 'The body is not a trickle ICE fragment',
  },
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
  'codec-mismatch': {
    status: 406,
    title: 'Offer the codec that the stream has: there is none in common',
  },
  'stream-not-live': {
    status: 409,
    title: 'The stream has no media yet: try again soon',
  },
  'etag-stale': {
    status: 412,
    title: 'The session has another ETag by now: use the newest',
  },
  'etag-missing': {
    status: 428,
    title: 'Send If-Match with the ETag of the session',
  },
  'too-many-posts': {
    status: 429,
    title: 'Too many sessions were asked for: try again later',
  },
  'too-many-patches': {
    status: 429,
    title: 'Too many requests for one session: try again soon',
  },
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
} as const satisfies ProblemTable

export const whepProblem = problemFactory(WHEP_PROBLEMS)
