import type { PortLease, PortPool } from '../../engine/port-pool.ts'

/** The ports that FFmpeg sends one leg from. */
export interface SenderPorts {
  readonly rtp: number
  readonly rtcp: number
  /** False: another program took one; both are given back. */
  check(): Promise<boolean>
  /** Gives them back, after FFmpeg is gone. Idempotent. */
  release(): void
}

/**
 * Takes two ports for FFmpeg. They stay the same over its restarts: a
 * transport knows its sender by its port, and only that lets viewers stay.
 * @throws {EngineError} `ports`
 */
export async function takeSenderPorts(pool: PortPool): Promise<SenderPorts> {
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
