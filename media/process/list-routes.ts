import Router from '@koa/router'

import { httpProblem } from '../http/problem.ts'
import { readJsonBody } from '../http/body.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Processes } from './processes.ts'
import { answerErrors } from './routes.ts'

/** Maximum size of an imported document, bytes. */
const MAX_IMPORT_BYTES = 16 * 1024 * 1024

/**
 * Creates `/api/v3/processes`: the whole process list as one document. It is
 * not below `/api/v3/process`, where `export` may be an id. Does not check
 * access.
 */
export function processListRoutes({
  processes,
  clock,
}: {
  readonly processes: Processes
  readonly clock: Clock
}): Router {
  const router = new Router({ prefix: '/api/v3/processes' })
  router.use(answerErrors())

  router.get('/export', ctx => {
    ctx.set('Content-Disposition', 'attachment; filename="processes.json"')
    // It has passwords.
    ctx.set('Cache-Control', 'no-store')
    ctx.body = processes.export()
  })
  router.post('/import', async ctx => {
    const dryRun = readDryRun(ctx.query['dry_run'])
    const document = await readJsonBody(ctx.req, clock, MAX_IMPORT_BYTES)
    ctx.body = dryRun
      ? processes.previewImport(document)
      : await processes.import(document)
  })
  return router
}

/** @throws {Problem} for any other word, which must not start an import */
function readDryRun(value: string | readonly string[] | undefined): boolean {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  throw httpProblem('bad-request', 'dry_run: expected true or false')
}
