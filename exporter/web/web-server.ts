/**
 * The exporter's web server.
 *
 * Owns: the server on EXPORTER_ADDRESS, its TLS and its password.
 * Gets: the eleven families of the metric store, the telemetry of the exporter.
 * Gives: /metrics and /probe as text or OpenMetrics, /sd, a landing page,
 * health checks.
 *
 * To read it: routes.ts, then scrapes.ts (limits, timeouts, compression), then
 * page.ts and exposition.ts (the text). Probes: probes.ts.
 */
import type { Server } from 'node:http'
import { closeServer, createServer } from '../../shared/runtime/http-server.ts'
import type { StreamId } from '../../shared/protocol/ids.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Address } from '../../shared/runtime/settings.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { createTlsServer, type TlsFiles } from '../../shared/runtime/tls.ts'
import type { Credentials } from '../config.ts'
import { DRAIN_TIMEOUT_MS, listen, type BoundAddress } from '../http-server.ts'
import type { Limits } from '../limits.ts'
import type { Format } from './formats.ts'
import { createDiscovery } from './discovery.ts'
import type { PageBytes } from './page-memory.ts'
import { createProbes, type Probe } from './probes.ts'
import { createRoutes } from './routes.ts'
import { createScrapes } from './scrapes.ts'

export interface WebServerOptions {
  readonly version: string
  readonly core: string
  readonly page: (format: Format) => Promise<PageBytes>
  readonly probe: Probe | undefined
  /** The streams for Prometheus to probe. */
  readonly streamsToProbe: () => Promise<readonly StreamId[]>
  /** Called with the duration of each answered scrape. */
  readonly observeScrape: (seconds: number) => void
  readonly isReady: () => boolean
  readonly basicAuth: Credentials | undefined
  readonly tls: TlsFiles | undefined
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Log
}

/** Serves the metrics over HTTP or HTTPS. */
export class WebServer {
  readonly #server: Server
  readonly #log: Log

  constructor(options: WebServerOptions) {
    const { version, core, page, isReady, limits, clock, log, tls } = options
    const routes = createRoutes({
      version,
      core,
      credentials: options.basicAuth,
      metrics: createScrapes({
        page,
        observe: options.observeScrape,
        limits,
        clock,
      }),
      probe: createProbes({ core, probe: options.probe, limits }),
      discovery: createDiscovery(options.streamsToProbe),
      isReady,
      log,
    })
    const handle = routes.callback()
    const listener: Parameters<typeof createServer>[1] = (
      request,
      response,
    ) => {
      // Koa answers every request; its promise never rejects.
      void handle(request, response)
    }
    this.#log = log
    this.#server =
      tls === undefined
        ? createServer(listener)
        : createTlsServer(tls, {}, listener, log)
    this.#server.maxConnections = limits.maxWebConnections
    this.#server.keepAliveTimeout = limits.keepAliveTimeoutMs
  }

  /** @throws {StartError} if the address cannot be bound */
  listen(address: Address): Promise<BoundAddress> {
    return listen(this.#server, address, 'EXPORTER_ADDRESS', this.#log)
  }

  async close(): Promise<void> {
    await closeServer(this.#server, DRAIN_TIMEOUT_MS)
  }
}
