import { EngineError } from './engine-error.ts'
import type { PortLease, PortPool } from './port-pool.ts'
import { withAbort } from './with-abort.ts'

/** What a worker creates on leased ports: a transport. */
export interface Closable {
  close(): void
}

/** A transport, bound to ports that are leased for it. */
export interface BoundTransport<Made extends Closable> {
  readonly made: Made
  /** Closes it; releases the ports once the worker has. Idempotent. */
  close(): void
}

export interface BindRequest<Made extends Closable> {
  /** For messages: what the caller is doing. */
  readonly action: string
  /** How many ports to lease from which pool. */
  readonly demands: readonly PortDemand[]
  /** Sends the request to the worker; `ports` are in the order of `demands`. */
  readonly make: (ports: readonly number[]) => Promise<Made>
  readonly signal: AbortSignal
  /** Settles when the worker has processed all earlier requests. */
  readonly settled: () => Promise<unknown>
}

export interface PortDemand {
  readonly pool: PortPool
  readonly count: number
}

const MAX_ATTEMPTS = 64
const IN_USE =
  /protocol:(?<protocol>udp|tcp), .*port:(?<port>\d+)\]: address already in use/i

/**
 * Leases ports and has a worker create a transport on them. Ports that turn
 * out to be in use by other programs are quarantined, and others are tried.
 * If it rejects, the ports are released only when the worker certainly does
 * not hold them: a frozen worker may still bind them after the abort.
 * @throws {EngineError}
 */
export async function bindWithPorts<Made extends Closable>(
  request: BindRequest<Made>,
): Promise<BoundTransport<Made>> {
  for (let attempt = 1; ; attempt++) {
    const leases = leaseAll(request.demands)
    try {
      return await bindOn(leases, request)
    } catch (error) {
      const busy = leases.some(lease => isInUse(lease, error))
      if (!busy || attempt >= MAX_ATTEMPTS) throw error
    }
  }
}

async function bindOn<Made extends Closable>(
  leases: readonly PortLease[],
  { action, make, signal, settled }: BindRequest<Made>,
): Promise<BoundTransport<Made>> {
  const pending = make(leases.map(lease => lease.port))
  pending.catch((cause: unknown) => {
    const error = EngineError.from(cause, action)
    for (const lease of leases) {
      if (isInUse(lease, error)) lease.quarantine()
      else lease.release()
    }
  })
  const bind = (made: Made) => ({
    made,
    close: closeOnce(made, leases, settled),
  })
  const made = await withAbort(action, pending, signal, late => {
    bind(late).close()
  })
  return bind(made)
}

function closeOnce(
  made: Closable,
  leases: readonly PortLease[],
  settled: () => Promise<unknown>,
): () => void {
  const release = () => {
    for (const lease of leases) lease.release()
  }
  let open = true
  return () => {
    if (!open) return
    open = false
    made.close()
    // On rejection too: a dead worker holds no ports.
    settled().then(release, release)
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

/** Whether the worker reports that this port was in use. */
export function isInUse(
  lease: Pick<PortLease, 'protocol' | 'port'>,
  error: unknown,
): boolean {
  if (!(error instanceof EngineError)) return false
  const reported = IN_USE.exec(error.message)?.groups
  return (
    reported?.['protocol']?.toLowerCase() === lease.protocol &&
    Number(reported['port']) === lease.port
  )
}
