import { SETTINGS } from '../../../media/config.ts'
import { setting } from '../setup/checkout.mjs'

/** Hosts that this machine reaches by a loopback address. */
const LOCAL_HOSTS = ['', '0.0.0.0', '::', '127.0.0.1', '::1', 'localhost']

/**
 * Returns the URL for EXPORTER_PROBE_URL; undefined if the port is not known
 * yet, or the media process would not trust the exporter without a token.
 */
export function probeUrl(env: NodeJS.ProcessEnv): string | undefined {
  try {
    const { address, publicBasePath } = SETTINGS
    const { host, port } = address.parse(
      setting(env, address.name) ?? address.fallback,
    )
    const path = setting(env, publicBasePath.name) ?? ''
    if (port === 0 || !LOCAL_HOSTS.includes(host)) return undefined
    return `http://${host === '::1' ? '[::1]' : '127.0.0.1'}:${port}${path}`
  } catch {
    // The media process reports a bad setting.
    return undefined
  }
}
