import { once } from 'node:events'
import { createServer } from 'node:net'
import { SETTINGS as EXPORTER } from '../../../exporter/config.ts'
import { SETTINGS as MEDIA } from '../../../media/config.ts'
import type { Address } from '../../../shared/runtime/settings.ts'
import { setting } from '../setup/checkout.mjs'

/** The settings that say where the two listen. */
const LISTENERS = [
  MEDIA.address,
  EXPORTER.address,
  EXPORTER.ingestAddress,
] as const

/**
 * Says of each port that another program has which it is and how to change it:
 * all of them at once, before anything is started.
 */
export async function findBusyPorts(
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const problems = await Promise.all(
    LISTENERS.map(async ({ name, fallback, parse }) => {
      const address = tryParse(parse, setting(env, name) ?? fallback)
      if (address === undefined || !(await isBusy(address))) return []
      const { host, port } = address
      return [
        `Port ${port} is in use by another program. End that one, or listen ` +
          `elsewhere: ${name}=${host}:${port + 1000} npm start`,
      ]
    }),
  )
  return problems.flat()
}

/** A bad setting is for the process itself to explain, with all the others. */
function tryParse(
  parse: (text: string) => Address,
  text: string,
): Address | undefined {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

async function isBusy({ host, port }: Address): Promise<boolean> {
  const server = createServer()
  try {
    server.listen({ port, ...(host === '' ? {} : { host }) })
    await once(server, 'listening')
    return false
  } catch (error) {
    // Every other error is for the process itself to explain.
    return (
      error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    )
  } finally {
    server.close()
  }
}
