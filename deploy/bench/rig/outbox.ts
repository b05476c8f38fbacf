import { randomUUID } from 'node:crypto'
import { Outbox, type OutboxOptions } from '../../../media/outbox/outbox.ts'
import { isBootId } from '../../../shared/protocol/ids.ts'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { createLog } from '../../../shared/runtime/log.ts'

/**
 * An outbox of a new boot, not started, without a log.
 * @param url of the exporter; the default is one that is never reached
 */
export function createOutbox(
  view: OutboxOptions['view'] = () => ({
    streams: [],
    udpPorts: { inUse: 0, available: 0 },
  }),
  url = new URL('ws://127.0.0.1:9/ingest'),
): Outbox {
  const boot = randomUUID()
  if (!isBootId(boot)) throw new RangeError(`Cannot use ${boot} as a boot id`)
  return new Outbox({
    core: 'bench',
    boot,
    url,
    clock: systemClock,
    random: Math.random,
    view,
    log: createLog({ write: () => undefined, now: () => new Date() }),
  })
}
