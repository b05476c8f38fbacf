import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { Router, type RouterContext } from '../http/router.ts'
import { isStreamId } from '../../shared/protocol/ids.ts'
import type { StreamStatus } from '../stream/status.ts'

/** Only files of this server: no inline script, no other origin. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; " +
  "connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

const FOLDER = new URL('static/', import.meta.url)

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

/** A file in memory, with its ETag. */
interface Page {
  readonly type: string
  readonly body: string
  readonly etag: string
}

export interface PagesOptions {
  readonly statuses: () => readonly StreamStatus[]
  /** Whether the list of streams is public. */
  readonly listed: boolean
}

/**
 * The list of streams, the player and the operator's page. All links are
 * relative, so they work below any path of a reverse proxy. The operator's page
 * is public: all that it shows comes from the admin API.
 */
export function pages({ statuses, listed }: PagesOptions): Router {
  const files = readFiles()
  const list = fileNamed(files, 'index.html')
  const player = fileNamed(files, 'player.html')
  const admin = fileNamed(files, 'admin/index.html')
  const router = new Router({ strict: true })

  router.get('/', ctx => {
    const items = listed ? streamList(statuses()) : ''
    const html = list.body.replace('<!-- streams -->', () => items)
    answerPage(ctx, page(list.type, html))
  })
  router.get('/player/:id', ctx => {
    answerPage(ctx, player)
  })
  router.get('/player/:id/', ctx => {
    ctx.status = 308
    ctx.set('Location', `../${encodeURIComponent(ctx.params['id'] ?? '')}`)
  })
  router.get('/admin', ctx => {
    ctx.status = 308
    ctx.set('Location', 'admin/')
  })
  router.get('/admin/', ctx => {
    answerPage(ctx, admin)
  })
  router.get('/static/:file', ctx => {
    const file = files.get(ctx.params['file'] ?? '')
    if (file) answerPage(ctx, file)
  })
  router.get('/static/admin/:file', ctx => {
    const file = files.get(`admin/${ctx.params['file'] ?? ''}`)
    if (file) answerPage(ctx, file)
  })
  return router
}

/** The served files by path; nothing else can be requested. */
function readFiles(): ReadonlyMap<string, Page> {
  const names = readdirSync(FOLDER, { encoding: 'utf8', recursive: true })
  return new Map(
    names.flatMap(name => {
      const type = TYPES[extname(name)]
      if (type === undefined) return []
      const body = readFileSync(new URL(name, FOLDER), 'utf8')
      return [[name, page(type, body)] as const]
    }),
  )
}

function fileNamed(files: ReadonlyMap<string, Page>, name: string): Page {
  const file = files.get(name)
  if (file) return file
  throw new Error(`Cannot serve the pages: ${name} is missing`)
}

function page(type: string, body: string): Page {
  const hash = createHash('sha256').update(body).digest('base64url')
  return { type, body, etag: `"${hash}"` }
}

/** Only ids, whether they are live, and faults; the rest is for admins. */
function streamList(statuses: readonly StreamStatus[]): string {
  return statuses.map(streamItem).join('\n')
}

function streamItem(status: StreamStatus): string {
  const { id, state, degraded, degraded_reason: reason } = status
  if (!isStreamId(id)) return ''
  const live = state === 'live'
  const words = live ? 'live' : state === 'asleep' ? 'asleep' : 'not live'
  const classes = [live && 'live', degraded && 'degraded'].filter(Boolean)
  const attribute = classes.length === 0 ? '' : ` class="${classes.join(' ')}"`
  const link = `<a href="player/${encodeURIComponent(id)}">${id}</a>`
  const fault = reason === undefined ? '' : ` <p>${escaped(reason)}</p>`
  return `<li${attribute}>${link} <span>${words}</span>${fault}</li>`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}

function answerPage(ctx: RouterContext, { type, body, etag }: Page): void {
  ctx.set('Content-Type', type)
  ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  ctx.set('X-Content-Type-Options', 'nosniff')
  ctx.set('Referrer-Policy', 'no-referrer')
  // Cached, but revalidated, so that pages and scripts have one version.
  ctx.set('Cache-Control', 'no-cache')
  ctx.set('ETag', etag)
  ctx.status = 200
  if (ctx.fresh) ctx.status = 304
  else ctx.body = body
}
