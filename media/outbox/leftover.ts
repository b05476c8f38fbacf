import { readFile, rename } from 'node:fs/promises'

import {
  encodeFrame,
  PROTOCOL,
  readSourceFrame,
  type Batch,
  type Hello,
} from '../../shared/frames.ts'
import type { BootId } from '../../shared/ids.ts'
import type { Log } from '../../shared/log.ts'

/** Where the numbers of a boot go on. */
export interface Marks {
  /** No cell of the boot has this number or a higher one. */
  readonly nextCell: number
  /** Observations, of `observed`, that the exporter has acknowledged. */
  readonly ackedObservations: number
}

/** What a media process that ended has told the exporter, or still owed it. */
export interface Leftover extends Marks {
  readonly boot: BootId
  /** All its cells; the last batch has `observed` and `lost`. */
  readonly batches: readonly Batch[]
}

/**
 * Writes a leftover, line by line: its batches, then the hello with the marks.
 * Each is taken when its line is asked for: the marks after all the cells.
 */
export function* encodeLeftover(
  batches: Iterable<Batch>,
  marks: () => Hello & Marks,
): Generator<string> {
  for (const batch of batches) yield `${encodeFrame(batch)}\n`
  yield `${JSON.stringify(marks())}\n`
}

/**
 * Reads what a media process of `core` has left in `path`; undefined: nothing.
 * What cannot be read is kept aside, at most one such file.
 */
export async function readLeftover(
  path: string,
  core: string,
  log: Log,
): Promise<Leftover | undefined> {
  try {
    const leftover = decodeLeftover(await readFile(path, 'utf8'), core)
    log.info('carrying on with what the last media process owed', {
      boot: leftover.boot,
      observations: owedOf(leftover),
    })
    return leftover
  } catch (error) {
    if (isMissing(error)) return undefined
    const kept = `${path}.unreadable`
    log.error('what the last media process owed cannot be read; kept aside', {
      kept,
      error,
    })
    await rename(path, kept).catch((cause: unknown) => {
      log.error('it cannot be kept aside either', { path, error: cause })
    })
    return undefined
  }
}

function decodeLeftover(text: string, core: string): Leftover {
  const lines = text.split('\n').filter(line => line !== '')
  const raw: unknown = JSON.parse(lines.pop() ?? '')
  const hello = readSourceFrame(raw)
  if (hello.kind !== 'hello' || hello.protocol !== PROTOCOL) {
    throw new RangeError(`Cannot read leftover: expected hello ${PROTOCOL}`)
  }
  if (hello.core !== core) {
    throw new RangeError(`Cannot use leftover: it is of core ${hello.core}`)
  }
  const batches = lines.map(line => {
    const frame = readSourceFrame(JSON.parse(line))
    if (frame.kind === 'batch') return frame
    throw new RangeError(`Cannot read leftover: got a ${frame.kind}`)
  })
  return {
    boot: hello.boot,
    nextCell: countOf(raw, 'nextCell'),
    ackedObservations: countOf(raw, 'ackedObservations'),
    batches,
  }
}

function countOf(raw: unknown, mark: keyof Marks): number {
  const fields = new Map<string, unknown>(Object.entries(raw ?? {}))
  const value = fields.get(mark)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new RangeError(`Cannot read leftover: expected ${mark}`)
}

function owedOf({ batches, ackedObservations }: Leftover): number {
  return (batches.at(-1)?.observed ?? 0) - ackedObservations
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
