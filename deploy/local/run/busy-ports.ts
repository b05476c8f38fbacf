import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Address } from '../../../shared/settings.ts'

/** An address that a setting asks to listen on. */
export interface Wanted {
  /** The setting's name, as the user would change it. */
  readonly setting: string
  readonly address: Address
}

/**
 * Says for each address that another program has, in words, which it is and
 * how to change it. Both processes would say so as well, one after the other.
 */
export async function findBusyPorts(
  wanted: readonly Wanted[],
): Promise<readonly string[]> {
  const problems = await Promise.all(
    wanted.map(async ({ setting, address: { host, port } }) => {
      if (port === 0 || !(await isBusy(host, port))) return []
      const other = `${host}:${port + 1000}`
      return [
        `Port ${port} is in use by another program. End that one, or set ` +
          `${setting} to another address: ${setting}=${other} npm start`,
      ]
    }),
  )
  return problems.flat()
}

async function isBusy(host: string, port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen({ port, ...(host === '' ? {} : { host }) })
    await once(server, 'listening')
    return false
  } catch (error) {
    // Any other error is for the process itself to explain.
    return (
      error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    )
  } finally {
    server.close()
  }
}
