import { problemFactory, type ProblemTable } from '../http/problem.ts'

/** Problems that only the admin API answers with. */
const ADMIN_PROBLEMS = {
  'admin-local-only': {
    status: 403,
    title: 'Call from this machine, or set CORE_API_TOKEN and send it',
  },
  'invalid-drain': { status: 400, title: 'The drain request is not valid' },
  'peer-unknown': { status: 404, title: 'The stream has no such viewer' },
} as const satisfies ProblemTable

export const adminProblem = problemFactory(ADMIN_PROBLEMS)
