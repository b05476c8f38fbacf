import { once } from 'node:events'
import { createServer } from 'node:net'
import { SETTINGS as EXPORTER } from '../../../exporter/config.ts'
import { SETTINGS as MEDIA } from '../../../media/config.ts'
import type { Address } from '../../../shared/runtime/settings.ts'
import { setting } from '../setup/checkout.mjs'

/** The settings of the addresses that the two processes listen on. */
const LISTENERS = [
  MEDIA.address,
  EXPORTER.address,
  EXPORTER.ingestAddress,
] as const

/**
 * Names every port that another program uses, with the setting that changes
 * it: all at once, before anything is started.
 */
export async function findBusyPorts(
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const problems = await Promise.all(
    LISTENERS.map(async ({ name, fallback, parse }) => {
      const address = await busy(() => parse(setting(env, name) ?? fallback))
      if (address === undefined) return []
      const { host, port } = address
      return [
        `Port ${port} is in use by another program. Stop that program, or ` +
          `use another port: ${name}=${host}:${port + 1000} npm start`,
      ]
    }),
  )
  return problems.flat()
}

/** The address, if it is in use. The process itself reports other problems. */
async function busy(read: () => Address): Promise<Address | undefined> {
  const server = createServer()
  let address: Address | undefined
  try {
    address = read()
    const { host, port } = address
    server.listen({ port, ...(host !== '' && { host }) })
    await once(server, 'listening')
    return undefined
  } catch (error) {
    const isBusy =
      error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    return isBusy ? address : undefined
  } finally {
    server.close()
  }
}
