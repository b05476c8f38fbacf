import { createRequire } from 'node:module'
import type * as KoaRouter from '@koa/router'

// Its ES module imports node:http, which costs 12 ms of each start: see
// shared/runtime/http-server.ts.
const loaded = createRequire(import.meta.url)('@koa/router') as typeof KoaRouter

export const { Router } = loaded
export type Router = KoaRouter.Router
export type { RouterContext } from '@koa/router'
