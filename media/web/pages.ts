import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import Router, { type RouterContext } from '@koa/router'
import { isStreamId } from '../../shared/ids.ts'
import type { StreamStatus } from '../router/status.ts'

/** Nothing but what this server has: no inline script, no other origin. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; " +
  "connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

const TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'player.html': 'text/html; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'index.js': 'text/javascript; charset=utf-8',
  'player.js': 'text/javascript; charset=utf-8',
  'provoke.js': 'text/javascript; charset=utf-8',
  'whep-viewer.js': 'text/javascript; charset=utf-8',
} as const

type FileName = keyof typeof TYPES

export interface PagesOptions {
  readonly statuses: () => readonly StreamStatus[]
  /** Whether anybody may see which streams there are. */
  readonly listed: boolean
}

/**
 * The list of streams and the player. All links in them are relative, so they
 * work under any path that a reverse proxy puts before them.
 */
export function pages({ statuses, listed }: PagesOptions): Router {
  const files = readFiles()
  const router = new Router({ strict: true })

  router.get('/', ctx => {
    const list = listed ? streamList(statuses()) : ''
    const html = files['index.html'].replace('<!-- streams -->', list)
    answerPage(ctx, 'index.html', html)
  })
  router.get('/player/:id', ctx => {
    answerPage(ctx, 'player.html', files['player.html'])
  })
  router.get('/player/:id/', ctx => {
    ctx.status = 308
    ctx.set('Location', `../${encodeURIComponent(ctx.params['id'] ?? '')}`)
  })
  router.get('/static/:file', ctx => {
    const name = ctx.params['file'] ?? ''
    if (isFileName(name)) answerPage(ctx, name, files[name])
  })
  return router
}

function readFiles(): Readonly<Record<FileName, string>> {
  const read = (name: FileName) =>
    readFileSync(new URL(`static/${name}`, import.meta.url), 'utf8')
  return {
    'index.html': read('index.html'),
    'player.html': read('player.html'),
    'style.css': read('style.css'),
    'index.js': read('index.js'),
    'player.js': read('player.js'),
    'provoke.js': read('provoke.js'),
    'whep-viewer.js': read('whep-viewer.js'),
  }
}

function isFileName(name: string): name is FileName {
  return Object.hasOwn(TYPES, name)
}

/** Ids only: what else there is to know of a stream is the admin's. */
function streamList(statuses: readonly StreamStatus[]): string {
  return statuses
    .map(({ id, state }) => {
      if (!isStreamId(id)) return ''
      const live = state === 'live' ? 'live' : 'not live'
      return `<li><a href="player/${encodeURIComponent(id)}">${id}</a> <span>${live}</span></li>`
    })
    .join('\n')
}

function answerPage(ctx: RouterContext, name: FileName, body: string): void {
  const hash = createHash('sha256').update(body).digest('base64url')
  ctx.set('Content-Type', TYPES[name])
  ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  ctx.set('X-Content-Type-Options', 'nosniff')
  ctx.set('Referrer-Policy', 'no-referrer')
  ctx.set('Cache-Control', 'no-cache')
  ctx.set('ETag', `"${hash}"`)
  ctx.status = 200
  if (ctx.fresh) ctx.status = 304
  else ctx.body = body
}
