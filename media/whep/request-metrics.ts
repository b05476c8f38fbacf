import type { RouterContext } from '@koa/router'
import { WHEP_ROUTES, type Report } from '../../shared/protocol/catalogue.ts'
import { UNKNOWN_STREAM, type StreamId } from '../../shared/protocol/ids.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Handler } from '../http/by-method.ts'
import { toProblem } from '../http/problem.ts'
import type { ClientKind } from './client-kind.ts'

/** Answers a client whose kind is known, or throws a Problem. */
export type ClientHandler = (
  ctx: RouterContext,
  kind: ClientKind,
) => void | Promise<void>

export interface RequestMetricsOptions {
  readonly report: Report
  readonly clock: Clock
  /** Id of the stream, if it is registered. */
  readonly streamOf: (ctx: RouterContext) => StreamId | undefined
}

/**
 * Wraps the handler of a method so that each response to a viewer is counted
 * and timed. A probe is not counted; a claim that `kindOf` rejects is, because
 * it is no probe. If the client disconnects there is no response, so nothing is
 * counted.
 */
export function withRequestMetrics(
  method: keyof typeof WHEP_ROUTES,
  kindOf: (ctx: RouterContext) => ClientKind,
  handle: ClientHandler,
  { report, clock, streamOf }: RequestMetricsOptions,
): Handler {
  const route = WHEP_ROUTES[method]
  return async ctx => {
    const startMs = clock.steadyMs()
    let kind: ClientKind | undefined
    const done = (status: number) => {
      if (kind === 'probe' || ctx.res.destroyed) return
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
      kind = kindOf(ctx)
      await handle(ctx, kind)
    } catch (error) {
      done(toProblem(error).status)
      throw error
    }
    done(ctx.status)
  }
}
