import type { PortLease, PortPool } from '../engine/port-pool.ts'

/** The ports that FFmpeg sends one leg from. */
export interface SenderPorts {
  readonly rtp: number
  readonly rtcp: number
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
  return {
    rtp: rtp.port,
    rtcp: rtcp.port,
    release() {
      rtp.release()
      rtcp.release()
    },
  }
}
