import { bounded } from './bounded.ts'
import { EngineError } from './engine-error.ts'
import type { PortLease, PortPool } from './port-pool.ts'

/** What a worker makes on ports of ours: transports. */
export interface Closable {
  close(): void
}

/** What a worker made, and the ports it made it on. */
export interface Bound<Made extends Closable> {
  readonly made: Made
  /** Closes it; the ports go back once the worker let go of them. Idempotent. */
  close(): void
}

export interface BindRequest<Made extends Closable> {
  /** For messages: what is being made. */
  readonly action: string
  /** From which pools how many ports are taken. */
  readonly demands: readonly PortDemand[]
  /** Asks the worker; `ports` are in the order of `demands`. */
  readonly make: (ports: readonly number[]) => Promise<Made>
  readonly signal: AbortSignal
  /** Settles when the worker has done all that it was asked before. */
  readonly settled: () => Promise<unknown>
}

export interface PortDemand {
  readonly pool: PortPool
  readonly count: number
}

const MOST_ATTEMPTS = 64
const HELD =
  /protocol:(?<protocol>udp|tcp), .*port:(?<port>\d+)\]: address already in use/i

/**
 * Takes ports and lets a worker make something on them. Ports that turn out
 * to be held by other programs are kept out of the pool, and others tried.
 * Where it rejects, the ports go back as soon as the worker surely holds none
 * of them: a frozen worker may still bind them after the signal.
 * @throws {EngineError}
 */
export async function bind<Made extends Closable>(
  request: BindRequest<Made>,
): Promise<Bound<Made>> {
  for (let attempt = 1; ; attempt++) {
    const leases = leaseAll(request.demands)
    try {
      return await bindOn(leases, request)
    } catch (error) {
      const held = leases.find(lease => isHeld(lease, error))
      if (held === undefined || attempt >= MOST_ATTEMPTS) throw error
    }
  }
}

async function bindOn<Made extends Closable>(
  leases: readonly PortLease[],
  { action, make, signal, settled }: BindRequest<Made>,
): Promise<Bound<Made>> {
  const asked = make(leases.map(lease => lease.port))
  asked.catch((cause: unknown) => {
    const error = EngineError.from(cause, action)
    for (const lease of leases) {
      if (isHeld(lease, error)) lease.refuse()
      else lease.release()
    }
  })
  const boundBy = (made: Made) => ({
    made,
    close: closeOnce(made, leases, settled),
  })
  const made = await bounded(action, asked, signal, late => {
    boundBy(late).close()
  })
  return boundBy(made)
}

function closeOnce(
  made: Closable,
  leases: readonly PortLease[],
  settled: () => Promise<unknown>,
): () => void {
  const giveBack = () => {
    for (const lease of leases) lease.release()
  }
  let open = true
  return () => {
    if (!open) return
    open = false
    made.close()
    // A worker that died holds no ports either.
    settled().then(giveBack, giveBack)
  }
}

function leaseAll(demands: readonly PortDemand[]): readonly PortLease[] {
  const leases: PortLease[] = []
  try {
    for (const { pool, count } of demands) {
      for (let taken = 0; taken < count; taken++) leases.push(pool.lease())
    }
    return leases
  } catch (error) {
    for (const lease of leases) lease.release()
    throw error
  }
}

/** Whether the worker says that this port was the one it could not bind. */
function isHeld(lease: PortLease, error: unknown): boolean {
  if (!(error instanceof EngineError)) return false
  const held = HELD.exec(error.message)?.groups
  return (
    held?.['protocol']?.toLowerCase() === lease.protocol &&
    Number(held['port']) === lease.port
  )
}
