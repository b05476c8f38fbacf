import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'koa'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Limits } from '../limits.ts'
import type { Format } from './formats.ts'
import { acceptsGzip, chooseFormat } from './negotiate.ts'
import type { PageBytes } from './page-memory.ts'

const compress = promisify(gzip)

export interface ScrapeOptions {
  readonly page: (format: Format) => Promise<PageBytes>
  readonly clock: Clock
  /** Called with the duration of each answered scrape. */
  readonly observe: (seconds: number) => void
  readonly limits: Limits
}

/** Answers GET /metrics. */
export function createScrapes(options: ScrapeOptions) {
  const { page, clock, observe, limits } = options
  const { maxScrapes, scrapeTimeoutMs } = limits
  let active = 0

  const write = async (ctx: Context) => {
    const format = chooseFormat(ctx.get('Accept'))
    const headers = {
      'Content-Type': format.contentType,
      Vary: 'Accept, Accept-Encoding',
    }
    const { bytes, release } = await page(format)
    if (!acceptsGzip(ctx.get('Accept-Encoding'))) {
      // Node emits it once the kernel has all bytes, or the socket is closed.
      ctx.res.once('close', release)
      return { body: bytes, headers }
    }
    // Level 1 takes a third of the default's time for a tenth more bytes.
    const body = await compress(bytes, { level: 1 })
    release()
    return { body, headers: { ...headers, 'Content-Encoding': 'gzip' } }
  }

  return async (ctx: Context): Promise<void> => {
    if (active >= maxScrapes) {
      ctx.set('Retry-After', '1')
      ctx.throw(503, `Too many scrapes at once: limit is ${maxScrapes}`)
    }
    const startMs = clock.steadyMs()
    const deadline = startDeadline(ctx, scrapeTimeoutMs)
    active++
    // A scrape is active until it is sent or its client has disconnected.
    ctx.res.once('close', () => {
      active--
      deadline.clear()
    })
    const answer = await Promise.race([write(ctx), deadline.passed])
    if (answer === 'late') {
      return ctx.throw(503, 'The scrape took longer than its timeout')
    }
    ctx.set(answer.headers)
    ctx.body = answer.body
    observe((clock.steadyMs() - startMs) / 1000)
  }
}

/**
 * The timeout of a scrape: X-Prometheus-Scrape-Timeout-Seconds, but at most
 * `timeoutMs`. A client that has not read the response within the same time
 * again is disconnected.
 */
function startDeadline(ctx: Context, timeoutMs: number) {
  const header = ctx.get('X-Prometheus-Scrape-Timeout-Seconds')
  const requestedMs = Number(header) * 1000
  const ms = requestedMs > 0 ? Math.min(requestedMs, timeoutMs) : timeoutMs
  let timer: NodeJS.Timeout
  const passed = new Promise<'late'>(resolve => {
    timer = setTimeout(() => {
      resolve('late')
      timer = setTimeout(() => {
        ctx.res.destroy()
      }, ms)
    }, ms)
  })
  return {
    passed,
    clear: () => {
      clearTimeout(timer)
    },
  }
}
