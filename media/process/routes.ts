import type { Context, Middleware } from 'koa'

import { isJsonObject } from '../../shared/protocol/fields.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { Router } from '../http/router.ts'
import { readJsonBody } from '../http/body.ts'
import { clientAbortSignal } from '../http/http-server.ts'
import { Problem } from '../http/problem.ts'
import { compileGlob } from './glob.ts'
import {
  ProcessError,
  problemLines,
  type ConfigProblem,
  type ProcessErrorCode,
} from './process-error.ts'
import type { Probes } from './probes.ts'
import type { Process, ProcessCommand, Processes } from './processes.ts'
import {
  VIEW_PARTS,
  viewProcess,
  viewState,
  type ViewPart,
} from './api-model.ts'

/** Upstream's error (http/api/error.go). */
interface ApiError {
  readonly code: number
  readonly message: string
  readonly details: readonly string[]
  /** Ours: the fields that the error is about, if any. */
  readonly fields?: readonly ConfigProblem[]
}

const PROCESS_ERRORS = {
  'bad-config': { code: 400, message: 'Invalid process config' },
  'process-exists': { code: 400, message: 'Invalid process config' },
  'too-many': { code: 400, message: 'Too many processes' },
  'unknown-process': { code: 404, message: 'Unknown process ID' },
  busy: { code: 503, message: 'Process is busy' },
  probing: { code: 409, message: 'Probe is running' },
  'too-many-probes': { code: 503, message: 'Too many probes' },
  'cannot-probe': { code: 503, message: 'Cannot probe' },
  closed: { code: 503, message: 'Server is stopping' },
} as const satisfies Record<
  ProcessErrorCode,
  Pick<ApiError, 'code' | 'message'>
>

/** Upstream has separate messages for an update. */
const UPDATE_MESSAGES = {
  'bad-config': "Process can't be updated",
  'process-exists': "Process can't be updated",
  'unknown-process': 'Process not found',
} as const satisfies Partial<Record<ProcessErrorCode, string>>

/** Upstream's messages for a body that cannot be read. */
const BODY_MESSAGES: Readonly<Record<string, string>> = {
  'body-too-large': 'Request body too large',
  'media-type': 'Unsupported media type',
  'not-json': 'Invalid JSON',
}

const COMMANDS: readonly ProcessCommand[] = [
  'start',
  'stop',
  'reload',
  'restart',
]

/**
 * Creates `/api/v3/process` in upstream's shapes
 * (http/handler/api/process.go). Does not check access.
 */
export function processRoutes({
  processes,
  probes,
  clock,
}: {
  readonly processes: Processes
  readonly probes: Probes
  readonly clock: Clock
}): Router {
  const router = new Router({ prefix: '/api/v3/process' })
  router.use(answerErrors())

  router.get('/', ctx => {
    const parts = viewParts(ctx)
    ctx.body = selectProcesses(ctx, processes.list()).map(process =>
      viewProcess(process, parts),
    )
  })
  router.post('/', async ctx => {
    ctx.body = await processes.add(await readJsonBody(ctx.req, clock))
  })
  router.get('/:id', ctx => {
    ctx.body = viewProcess(processes.get(idOf(ctx)), viewParts(ctx))
  })
  router.put('/:id', answerErrors(UPDATE_MESSAGES), async ctx => {
    const body = await readJsonBody(ctx.req, clock)
    ctx.body =
      textOf(ctx, 'replace') === 'true'
        ? await processes.replace(idOf(ctx), body)
        : await processes.update(idOf(ctx), body)
  })
  router.delete('/:id', async ctx => {
    await processes.remove(idOf(ctx))
    answerOk(ctx)
  })
  router.put('/:id/command', async ctx => {
    const command = readCommand(await readJsonBody(ctx.req, clock))
    if (command === undefined) {
      answer(ctx, {
        code: 400,
        message: 'Unknown command provided',
        details: [`Known commands are: ${COMMANDS.join(', ')}`],
      })
      return
    }
    await processes.command(idOf(ctx), command)
    answerOk(ctx)
  })
  router.post('/probe', async ctx => {
    const input = await readJsonBody(ctx.req, clock)
    ctx.body = await probes.probeAddress(input, clientAbortSignal(ctx.res))
  })
  router.get('/:id/probe', async ctx => {
    const { config } = processes.get(idOf(ctx))
    ctx.body = await probes.probeProcess(config, clientAbortSignal(ctx.res))
  })
  router.get('/:id/config', ctx => {
    ctx.body = processes.get(idOf(ctx)).config
  })
  router.get('/:id/state', ctx => {
    ctx.body = viewState(processes.get(idOf(ctx)))
  })
  router.get('/:id/report', ctx => {
    ctx.body = processes.get(idOf(ctx)).runner.report()
  })
  return router
}

/** Answers the errors of later middleware; `messages` replace the usual ones. */
export function answerErrors(
  messages: Readonly<Partial<Record<ProcessErrorCode, string>>> = {},
): Middleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      if (error instanceof ProcessError) {
        const { problems } = error
        const details =
          error.code === 'bad-config' ? problemLines(problems) : [error.message]
        const { code, message } = PROCESS_ERRORS[error.code]
        answer(ctx, {
          code,
          message: messages[error.code] ?? message,
          details,
          ...(problems.length > 0 && { fields: problems }),
        })
      } else if (error instanceof Problem) {
        // The rest of the body stays unread.
        ctx.set('Connection', 'close')
        answer(ctx, {
          code: error.status,
          message: BODY_MESSAGES[error.code] ?? error.title,
          details: [error.message],
        })
      } else {
        answer(ctx, { code: 500, message: 'Internal error', details: [] })
        ctx.app.emit('error', error, ctx)
      }
    }
  }
}

function answer(ctx: Context, error: ApiError): void {
  ctx.status = error.code
  ctx.body = error
}

/** Upstream's responses are JSON, even a single word. */
function answerOk(ctx: Context): void {
  ctx.type = 'json'
  ctx.body = JSON.stringify('OK')
}

function idOf(ctx: Context & { params: Record<string, string> }): string {
  return ctx.params['id'] ?? ''
}

function readCommand(body: unknown): ProcessCommand | undefined {
  if (!isJsonObject(body)) return undefined
  return COMMANDS.find(command => command === body['command'])
}

/** Reads `filter=config,state`; without it, all parts. */
function viewParts(ctx: Context): ReadonlySet<ViewPart> {
  const names = listOf(ctx, 'filter')
  if (names.length === 0) return new Set(VIEW_PARTS)
  return new Set(VIEW_PARTS.filter(part => names.includes(part)))
}

/** As in upstream, a reference takes precedence over a list of ids. */
function selectProcesses(
  ctx: Context,
  processes: readonly Process[],
): readonly Process[] {
  const ids = new Set(listOf(ctx, 'id'))
  const reference = textOf(ctx, 'reference')
  const matchesId = compileGlob(textOf(ctx, 'idpattern') || '*')
  const matchesRef = compileGlob(textOf(ctx, 'refpattern') || '*')
  return processes.filter(({ stored }) => {
    if (!matchesId(stored.id) || !matchesRef(stored.reference)) return false
    if (reference) return stored.reference === reference
    return ids.size === 0 || ids.has(stored.id)
  })
}

function textOf(ctx: Context, name: string): string {
  const value = ctx.query[name]
  return (Array.isArray(value) ? value[0] : value) ?? ''
}

function listOf(ctx: Context, name: string): readonly string[] {
  return textOf(ctx, name)
    .split(',')
    .filter(item => item !== '')
}
