/** Serves the requests of the main thread; relay thread only. */
import { setImmediate } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'

import type { RelayReply, RelayRequest, RelayResult } from './relay-messages.ts'
import { Relay } from './relay.ts'
import { BindError } from './relay-sockets.ts'

const DONE = { type: 'done' } as const

/** Answers what arrives at the port, in order. */
export function serveRelays(port: MessagePort): void {
  const relays = new Map<number, Relay>()
  let last = Promise.resolve()
  port.on('message', (request: RelayRequest) => {
    // A rejection ends the thread, and the main thread starts another.
    last = last.then(async () => {
      const result = await execute(relays, request)
      port.postMessage({ id: request.id, result } satisfies RelayReply)
    })
  })
}

async function execute(
  relays: Map<number, Relay>,
  { relay: number, command }: RelayRequest,
): Promise<RelayResult> {
  if (command.type === 'open') {
    try {
      relays.set(number, await Relay.open(command.spec))
      return DONE
    } catch (error) {
      if (!(error instanceof BindError)) throw error
      return { type: 'not-bound', failure: error.failure }
    }
  }
  const relay = relays.get(number)
  switch (command.type) {
    case 'forward':
      await relay?.forward(command.target)
      return DONE
    case 'drop':
      relay?.drop()
      return DONE
    case 'end-sender':
      relay?.endSender()
      return DONE
    case 'inspect':
      // The present turn of the event loop may have polled the sockets already;
      // the next one reads all packets that have arrived.
      await setImmediate()
      await setImmediate()
      return { type: 'faults', faults: relay?.faults() ?? [] }
    case 'close':
      relay?.close()
      relays.delete(number)
      return DONE
    default:
      command satisfies never
      throw new Error('Unknown command')
  }
}
