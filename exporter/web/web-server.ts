import { createServer, type Server } from 'node:http'
import type { Log } from '../../shared/log.ts'
import type { Address } from '../../shared/settings.ts'
import type { Clock } from '../clock.ts'
import type { Credentials, TlsFiles } from '../config.ts'
import { closeServer, listen, type Bound } from '../listen.ts'
import { basicAuth } from './basic-auth.ts'
import type { Format } from './formats.ts'
import { landingPage } from './landing.ts'
import { createRoutes } from './routes.ts'
import { createScrapes } from './scrapes.ts'
import { createTlsServer } from './tls.ts'

/** As node_exporter's default for --web.max-requests. */
const MAX_SCRAPES = 40

/** Prometheus's own default is 10 s. */
const SCRAPE_TIMEOUT_MS = 30_000

const MAX_CONNECTIONS = 512

/** Longer than the usual scrape intervals: one TLS handshake does for many. */
const KEEP_ALIVE_MS = 75_000

export interface WebServerOptions {
  readonly version: string
  readonly core: string
  readonly page: (format: Format) => Promise<Buffer>
  readonly observeScrape: (seconds: number) => void
  readonly isReady: () => boolean
  readonly basicAuth: Credentials | undefined
  readonly tls: TlsFiles | undefined
  readonly clock: Clock
  readonly log: Log
  readonly maxScrapes?: number
}

/** Serves the metrics, by HTTP or HTTPS. */
export class WebServer {
  readonly #server: Server
  readonly #log: Log

  constructor(options: WebServerOptions) {
    const { page, clock, log, tls } = options
    const routes = createRoutes({
      guard: basicAuth(options.basicAuth),
      metrics: createScrapes({
        page,
        clock,
        observe: options.observeScrape,
        most: options.maxScrapes ?? MAX_SCRAPES,
        timeoutMs: SCRAPE_TIMEOUT_MS,
      }),
      landing: landingPage(options.version, options.core),
      isReady: options.isReady,
      log,
    })
    const handle = routes.callback()
    const listener: Parameters<typeof createServer>[1] = (
      request,
      response,
    ) => {
      // Koa answers in any case; its promise never rejects.
      void handle(request, response)
    }
    this.#log = log
    this.#server =
      tls === undefined
        ? createServer(listener)
        : createTlsServer(tls, listener, log)
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS
  }

  /** @throws {StartError} when the address cannot be bound */
  listen(address: Address): Promise<Bound> {
    return listen(this.#server, address, 'EXPORTER_ADDRESS', this.#log)
  }

  async close(): Promise<void> {
    await closeServer(this.#server)
  }
}
