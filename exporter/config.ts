import { MAX_STREAMS_PER_SNAPSHOT } from '../shared/protocol/limits.ts'
import {
  checkPair,
  isLoopback,
  optional,
  parseAddress,
  parseCoreId,
  parseText,
  parseToken,
  readSettings,
  urlOf,
  wholeNumber,
  type PairedSetting,
  type SettingsSource,
  type ValuesOf,
} from '../shared/runtime/settings.ts'

import {
  checkTls,
  tlsFilesOf,
  type TlsFiles,
  type TlsSettings,
} from '../shared/runtime/tls.ts'

/** Every setting of the exporter; a test compares README's table with it. */
export const SETTINGS = {
  address: {
    name: 'EXPORTER_ADDRESS',
    fallback: '127.0.0.1:9464',
    parse: parseAddress,
    help: '/metrics, /probe, /sd, /, /-/healthy and /-/ready',
  },
  ingestAddress: {
    name: 'EXPORTER_INGEST_ADDRESS',
    fallback: '127.0.0.1:9465',
    parse: parseAddress,
    help: 'WebSocket for the media process',
  },
  ingestToken: {
    name: 'EXPORTER_INGEST_TOKEN',
    fallback: '',
    parse: optional(parseToken),
    help:
      'bearer token the media process must send; required unless the ' +
      'ingest address is loopback',
    secret: true,
  },
  stateFile: {
    name: 'EXPORTER_STATE_FILE',
    fallback: '',
    parse: optional(parseText),
    help: 'file that keeps the counters across a crash; empty: memory only',
  },
  basicAuthUser: {
    name: 'EXPORTER_BASIC_AUTH_USER',
    fallback: '',
    parse: optional(parseUser),
    help: 'user name required for /metrics, /probe, /sd and /; set together with the password',
  },
  basicAuthPassword: {
    name: 'EXPORTER_BASIC_AUTH_PASSWORD',
    fallback: '',
    parse: optional(parseText),
    help: 'password required for /metrics, /probe, /sd and /; set together with the user',
    secret: true,
  },
  probeUrl: {
    name: 'EXPORTER_PROBE_URL',
    fallback: '',
    parse: optional(parseBaseUrl),
    help:
      'HTTP base URL of the media process, whose streams /probe plays; ' +
      'empty: probes are off',
  },
  tlsCertFile: {
    name: 'EXPORTER_TLS_CERT_FILE',
    fallback: '',
    parse: optional(parseText),
    help: 'certificate chain (PEM) for HTTPS; reloaded on change',
  },
  tlsKeyFile: {
    name: 'EXPORTER_TLS_KEY_FILE',
    fallback: '',
    parse: optional(parseText),
    help: 'private key (PEM) of the certificate; reloaded on change',
  },
  maxStreams: {
    name: 'EXPORTER_MAX_STREAMS',
    fallback: '200',
    parse: wholeNumber(1, MAX_STREAMS_PER_SNAPSHOT),
    help: 'streams with series of their own; the rest share _overflow',
  },
  core: {
    name: 'CORE_ID',
    fallback: 'dragonfork-local',
    parse: parseCoreId,
    help: 'label core of every metric; must equal CORE_ID of the media process',
  },
} as const

type Values = ValuesOf<typeof SETTINGS>

export interface Credentials {
  readonly user: string
  readonly password: string
}

export interface Config extends Pick<
  Values,
  | 'address'
  | 'ingestAddress'
  | 'ingestToken'
  | 'stateFile'
  | 'probeUrl'
  | 'maxStreams'
  | 'core'
> {
  readonly basicAuth: Credentials | undefined
  readonly tls: TlsFiles | undefined
}

/**
 * Reads the settings of the exporter.
 * @throws {SettingsError} that names every bad one
 */
export function readConfig(source: SettingsSource): Config {
  const values = readSettings(SETTINGS, source, read => [
    ...checkToken(read),
    ...checkPair(
      paired(read, 'basicAuthUser'),
      paired(read, 'basicAuthPassword'),
    ),
    ...checkTls(tlsSettings(read), source),
  ])
  const { basicAuthUser: user, basicAuthPassword: password } = values
  return {
    ...values,
    basicAuth: user && password ? { user, password } : undefined,
    tls: tlsFilesOf(tlsSettings(values)),
  }
}

function checkToken({ ingestAddress, ingestToken }: Values): string[] {
  if (isLoopback(ingestAddress.host) || ingestToken !== undefined) return []
  return [
    `${SETTINGS.ingestToken.name}: expected to be set, because ` +
      `${SETTINGS.ingestAddress.name} is not a loopback address`,
  ]
}

function paired(values: Values, key: keyof Values): PairedSetting {
  return { name: SETTINGS[key].name, isSet: values[key] !== undefined }
}

function tlsSettings({ tlsCertFile, tlsKeyFile }: Values): TlsSettings {
  return {
    cert: { name: SETTINGS.tlsCertFile.name, path: tlsCertFile },
    key: { name: SETTINGS.tlsKeyFile.name, path: tlsKeyFile },
  }
}

function parseBaseUrl(text: string): URL {
  const url = urlOf('http:', 'https:')(text)
  const { username, password, search, hash } = url
  if (username + password + search + hash === '') return url
  throw new RangeError('expected a URL without user, query and fragment')
}

function parseUser(text: string): string {
  // RFC 7617 section 2: the first colon ends the user name.
  if (!text.includes(':')) return text
  throw new RangeError('expected a name without a colon')
}
