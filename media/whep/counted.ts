import type { RouterContext } from '@koa/router'
import { WHEP_ROUTES, type Report } from '../../shared/catalogue.ts'
import { UNKNOWN_STREAM, type StreamId } from '../../shared/ids.ts'
import type { Handler } from '../http/by-method.ts'
import type { Clock } from '../clock.ts'
import { toProblem } from '../http/problem.ts'

export type CountedVerb = keyof typeof WHEP_ROUTES

export interface CountingOptions {
  readonly report: Report
  readonly clock: Clock
  /** The id where it is a registered stream's. */
  readonly streamOf: (ctx: RouterContext) => StreamId | undefined
}

/**
 * Wraps a verb's handler so that its every answer is counted and timed.
 * A client that hangs up gets no answer, so it counts as none.
 */
export function counted(
  verb: CountedVerb,
  handle: Handler,
  { report, clock, streamOf }: CountingOptions,
): Handler {
  const route = WHEP_ROUTES[verb]
  return async ctx => {
    const startMs = clock.steadyMs()
    const done = (status: number) => {
      if (ctx.res.destroyed) return
      const stream_id = streamOf(ctx) ?? UNKNOWN_STREAM
      report({
        family: 'dragonfork_webrtc_whep_requests_total',
        labels: { route, code: String(status), stream_id },
      })
      report({
        family: 'dragonfork_webrtc_whep_request_duration_seconds',
        labels: { route, stream_id },
        value: (clock.steadyMs() - startMs) / 1000,
      })
    }
    try {
      await handle(ctx)
    } catch (error) {
      done(toProblem(error).status)
      throw error
    }
    done(ctx.status)
  }
}
