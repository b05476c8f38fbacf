/**
 * A process of viewers, started with fork() by process.ts. The WHEP token is in
 * its environment. When its parent dies, it deletes its sessions and exits.
 */
import { cleanup } from 'node-datachannel'
import type { FromViewers, ToViewers } from './status.ts'
import { Viewer } from './viewer.ts'

const STATUS_INTERVAL_MS = 250

const token = process.env['CORE_WHEP_TOKEN']
const viewers: Viewer[] = []
let isLeaving = false

async function obey(order: ToViewers): Promise<void> {
  switch (order.kind) {
    case 'open':
      for (const seat of order.seats) {
        if (isLeaving) return
        const viewer = new Viewer(seat, token === '' ? undefined : token)
        viewers.push(viewer)
        await viewer.open()
      }
      return
    case 'leave':
      await leave()
      return
    default:
      order satisfies never
  }
}

async function leave(): Promise<void> {
  if (isLeaving) return
  isLeaving = true
  clearInterval(reporting)
  const leftMs = performance.now()
  await Promise.all(viewers.map(viewer => viewer.leave()))
  await report(leftMs)
  // libdatachannel's threads would keep the process alive.
  cleanup()
  process.exit()
}

/** Sends the statuses at `nowMs`; resolves once the parent has them. */
function report(nowMs: number): Promise<void> {
  const statuses = viewers.map(viewer => viewer.status(nowMs))
  return new Promise(resolve => {
    if (!process.connected || process.send === undefined) {
      resolve()
      return
    }
    process.send({ statuses } satisfies FromViewers, () => {
      resolve()
    })
  })
}

const reporting = setInterval(() => {
  void report(performance.now())
}, STATUS_INTERVAL_MS)

process.on('message', (order: ToViewers) => {
  void obey(order)
})
process.on('disconnect', () => {
  void leave()
})
// A terminal sends Ctrl-C also to this process; the parent ends it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => undefined)
}
