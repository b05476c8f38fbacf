import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'koa'
import type { Clock } from '../clock.ts'
import type { Format } from './formats.ts'
import { chooseFormat, takesGzip } from './negotiate.ts'

const compress = promisify(gzip)

export interface ScrapeOptions {
  readonly page: (format: Format) => Promise<Buffer>
  readonly clock: Clock
  /** Told the time each scrape took, once it is answered. */
  readonly observe: (seconds: number) => void
  /** Most scrapes at once; one more is refused with 503. */
  readonly most: number
  /** For a scrape that names no timeout of its own. */
  readonly timeoutMs: number
}

/** Answers GET /metrics. */
export function createScrapes(options: ScrapeOptions) {
  const { page, clock, observe, most, timeoutMs } = options
  let underWay = 0

  const write = async (accept: string, acceptEncoding: string) => {
    const format = chooseFormat(accept)
    const type = { 'Content-Type': format.contentType }
    const plain = await page(format)
    if (!takesGzip(acceptEncoding)) {
      return { body: plain, headers: type }
    }
    // Level 1: a third of the time of the default for a tenth more bytes.
    const body = await compress(plain, { level: 1 })
    return { body, headers: { ...type, 'Content-Encoding': 'gzip' } }
  }

  return async (ctx: Context): Promise<void> => {
    if (underWay >= most) {
      ctx.set('Retry-After', '1')
      ctx.throw(503, `Too many scrapes at once: limit is ${most}`)
    }
    const startMs = clock.steadyMs()
    const deadline = startDeadline(ctx, timeoutMs)
    underWay++
    // A scrape is under way until its last byte is sent or its client gone.
    ctx.res.once('close', () => {
      underWay--
      deadline.clear()
    })
    const answer = await Promise.race([
      write(ctx.get('Accept'), ctx.get('Accept-Encoding')),
      deadline.passed,
    ])
    if (answer === 'late') {
      return ctx.throw(503, 'The scrape took longer than its timeout')
    }
    ctx.vary('Accept, Accept-Encoding')
    ctx.set(answer.headers)
    ctx.body = answer.body
    observe((clock.steadyMs() - startMs) / 1000)
  }
}

/**
 * The time a scrape has: X-Prometheus-Scrape-Timeout-Seconds, or `timeoutMs`
 * where that is shorter. A client that does not read the answer in as much
 * time again is cut off.
 */
function startDeadline(ctx: Context, timeoutMs: number) {
  const asked = Number(ctx.get('X-Prometheus-Scrape-Timeout-Seconds')) * 1000
  const ms = asked > 0 ? Math.min(asked, timeoutMs) : timeoutMs
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
