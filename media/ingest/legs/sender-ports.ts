import type { PortLease, PortPool } from '../../engine/port-pool.ts'

/** The local ports that FFmpeg sends one leg from. */
export interface SenderPorts {
  readonly rtp: number
  readonly rtcp: number
  /** Resolves to false, and releases both, if another program uses one. */
  check(): Promise<boolean>
  /** Releases both, after FFmpeg has ended. Idempotent. */
  release(): void
}

/**
 * Leases two ports for FFmpeg. They stay the same across its restarts, because
 * a PlainTransport accepts RTP from one port only: with another port the leg
 * and its viewers would have to reconnect.
 * @throws {EngineError} `ports`
 */
export async function leaseSenderPorts(pool: PortPool): Promise<SenderPorts> {
  const rtp = await pool.leaseProbed()
  let rtcp: PortLease
  try {
    rtcp = await pool.leaseProbed()
  } catch (error) {
    rtp.release()
    throw error
  }
  const leases = [rtp, rtcp]
  const release = () => {
    for (const lease of leases) lease.release()
  }
  return {
    rtp: rtp.port,
    rtcp: rtcp.port,
    async check() {
      const free = await Promise.all(leases.map(({ port }) => pool.probe(port)))
      leases.forEach((lease, index) => {
        if (free[index] === false) lease.quarantine()
      })
      if (free.includes(false)) release()
      return !free.includes(false)
    },
    release,
  }
}
