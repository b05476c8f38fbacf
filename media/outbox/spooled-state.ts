import { rename } from 'node:fs/promises'

import { Fields } from '../../shared/protocol/fields.ts'
import {
  encodeFrame,
  PROTOCOL,
  readMediaFrame,
  type Batch,
  type Hello,
} from '../../shared/protocol/frames.ts'
import type { BootId } from '../../shared/protocol/ids.ts'
import { readIfExists } from '../../shared/runtime/files.ts'
import type { Log } from '../../shared/runtime/log.ts'

/** Where the numbers of a boot continue. */
export interface Marks {
  /** No cell of the boot has this number or a higher one. */
  readonly nextCell: number
  /** How many of the `observed` observations the exporter acknowledged. */
  readonly ackedObservations: number
}

/** The totals that a media process left behind in its spool file. */
export interface SpooledState extends Marks {
  readonly boot: BootId
  /** All its cells; the last batch has `observed` and `lost`. */
  readonly batches: readonly Batch[]
}

/**
 * Writes a spool file line by line: the batches, then the hello with the
 * marks. Both are read as their lines are written, the marks last: so they
 * cover all the cells.
 */
export function* encodeSpooledState(
  batches: Iterable<Batch>,
  marks: () => Hello & Marks,
): Generator<string> {
  for (const batch of batches) yield `${encodeFrame(batch)}\n`
  yield `${JSON.stringify(marks())}\n`
}

/**
 * Reads what the previous media process of `core` left in `path`; undefined if
 * there is no file. An unreadable file is renamed, over an earlier one.
 */
export async function readSpooledState(
  path: string,
  core: string,
  log: Log,
): Promise<SpooledState | undefined> {
  try {
    const bytes = await readIfExists(path)
    if (bytes === undefined) return undefined
    const spooled = decodeSpooledState(bytes.toString('utf8'), core)
    log.info('resuming with the metrics of the previous media process', {
      boot: spooled.boot,
      observations: unackedOf(spooled),
    })
    return spooled
  } catch (error) {
    const aside = `${path}.unreadable`
    log.error(
      'cannot read the metrics of the previous media process; file renamed',
      { aside, error },
    )
    await rename(path, aside).catch((cause: unknown) => {
      log.error('cannot rename the unreadable file', { path, error: cause })
    })
    return undefined
  }
}

function decodeSpooledState(text: string, core: string): SpooledState {
  const lines = text.split('\n').filter(line => line !== '')
  const raw: unknown = JSON.parse(lines.pop() ?? '')
  const hello = readMediaFrame(raw)
  if (hello.kind !== 'hello' || hello.protocol !== PROTOCOL) {
    throw new RangeError(
      `Cannot read spool file: expected a hello of protocol ${PROTOCOL}`,
    )
  }
  if (hello.core !== core) {
    throw new RangeError(
      `Cannot use spool file: it belongs to core ${hello.core}, not ${core}`,
    )
  }
  const batches = lines.map(line => {
    const frame = readMediaFrame(JSON.parse(line))
    if (frame.kind === 'batch') return frame
    throw new RangeError(
      `Cannot read spool file: expected a batch, got ${frame.kind}`,
    )
  })
  const marks = Fields.of(raw)
  return {
    boot: hello.boot,
    nextCell: marks.count('nextCell'),
    ackedObservations: marks.count('ackedObservations'),
    batches,
  }
}

function unackedOf({ batches, ackedObservations }: SpooledState): number {
  return (batches.at(-1)?.observed ?? 0) - ackedObservations
}
