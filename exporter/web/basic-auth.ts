import type { Middleware } from 'koa'
import type { Credentials } from '../config.ts'
import { isSameSecret } from '../secret.ts'

const CHALLENGE = 'Basic realm="dragonfork exporter", charset="UTF-8"'

/** Lets through who sends these credentials (RFC 7617); all, without any. */
export function basicAuth(credentials: Credentials | undefined): Middleware {
  return async (ctx, next) => {
    if (credentials !== undefined && !sends(ctx.get('Authorization'))) {
      ctx.set('WWW-Authenticate', CHALLENGE)
      ctx.throw(401, 'Name and password needed')
    }
    await next()
  }

  function sends(header: string): boolean {
    if (credentials === undefined) return true
    const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header)?.[1] ?? ''
    const given = Buffer.from(encoded, 'base64').toString('utf8')
    return isSameSecret(given, `${credentials.user}:${credentials.password}`)
  }
}
