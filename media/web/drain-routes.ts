import { Router } from '../../shared/runtime/router.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { readJsonBody } from '../http/body.ts'
import type { Problem } from '../http/problem.ts'
import { MAX_DRAIN_S, type Drain } from '../whep/drain.ts'
import { adminProblem } from './admin-problems.ts'

export interface DrainRoutesOptions {
  readonly drain: Drain
  readonly clock: Clock
}

/** Takes this server out of service and back, for operators. */
export function drainRoutes({ drain, clock }: DrainRoutesOptions): Router {
  const router = new Router({ prefix: '/api/v3/webrtc' })

  router.get('/drain', ctx => {
    ctx.set('Cache-Control', 'no-store')
    ctx.body = drain.status
  })

  router.put('/drain', async ctx => {
    const isDraining = readDrain(await readJsonBody(ctx.req, clock))
    const endAfterS = readEndAfter(ctx.query['end_after'])
    if (isDraining) drain.start(endAfterS)
    else if (endAfterS === undefined) drain.stop()
    else throw invalid('end_after', 'expected only with {"drain": true}')
    ctx.set('Cache-Control', 'no-store')
    ctx.body = drain.status
  })

  return router
}

/** @throws {Problem} `invalid-drain` */
function readDrain(body: unknown): boolean {
  const given = typeof body === 'object' && body !== null ? body : {}
  // It would be ignored there, and viewers would stay.
  if ('end_after' in given) {
    throw invalid('end_after', 'expected in the query, as ?end_after=SECONDS')
  }
  const drain = 'drain' in given ? given.drain : undefined
  if (typeof drain === 'boolean') return drain
  throw invalid('drain', `expected true or false, got ${shown(drain)}`)
}

/** @throws {Problem} `invalid-drain` */
function readEndAfter(
  value: string | readonly string[] | undefined,
): number | undefined {
  if (value === undefined) return undefined
  const isNumber = typeof value === 'string' && /^\d{1,9}$/.test(value)
  const seconds = isNumber ? Number(value) : Infinity
  if (seconds <= MAX_DRAIN_S) return seconds
  const expected = `expected whole seconds from 0 to ${MAX_DRAIN_S}`
  throw invalid('end_after', `${expected}, got ${shown(value)}`)
}

/** A value as JSON, cut to a length for a message. */
function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)
}

function invalid(field: 'drain' | 'end_after', message: string): Problem {
  return adminProblem('invalid-drain', `${field}: ${message}`, {
    members: { fields: [{ field, message }] },
  })
}
