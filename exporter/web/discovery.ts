import type { Context } from 'koa'
import type { StreamId } from '../../shared/protocol/ids.ts'

/** A host name or address with an optional port (RFC 3986 section 3.2). */
const HOST = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/

/**
 * Answers GET /sd: a probe of each stream as a target of Prometheus
 * (https://prometheus.io/docs/prometheus/latest/http_sd/). Targets have the
 * address under which Prometheus reached this exporter.
 * @param streams the streams to probe; none while probes are off
 */
export function createDiscovery(streams: () => Promise<readonly StreamId[]>) {
  return async (ctx: Context): Promise<void> => {
    const host = ctx.get('Host')
    if (!HOST.test(host)) ctx.throw(400, 'The Host header is not an address')
    const targets = (await streams()).map(id => ({
      targets: [host],
      labels: { __metrics_path__: '/probe', __param_stream: id },
    }))
    ctx.type = 'application/json'
    ctx.body = JSON.stringify(targets)
  }
}
