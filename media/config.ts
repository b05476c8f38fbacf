import { isIP } from 'node:net'

import {
  listOf,
  optional,
  parseAddress,
  parseBoolean,
  parseCoreId,
  parseText,
  parseToken,
  readSettings,
  urlOf,
  wholeNumber,
  type SettingsSource,
  type ValuesOf,
} from '../shared/runtime/settings.ts'
import {
  checkTls,
  tlsFilesOf,
  type TlsFiles,
  type TlsSettings,
} from '../shared/runtime/tls.ts'
import { MAX_DRAIN_S } from './whep/drain.ts'
import { parseIceServer } from './whep/ice-server.ts'

const poolPort = wholeNumber(1, 65_535)

/** Every setting of the media process; a test compares README's table with it. */
export const SETTINGS = {
  address: {
    name: 'CORE_ADDRESS',
    fallback: ':8080',
    parse: parseAddress,
    help: 'HTTP listen address (WHEP, admin API, player)',
  },
  tlsAddress: {
    name: 'CORE_TLS_ADDRESS',
    fallback: ':8181',
    parse: parseAddress,
    help: 'HTTPS listen address, used if a certificate is set',
  },
  tlsCertFile: {
    name: 'CORE_TLS_CERT_FILE',
    fallback: '',
    parse: optional(parseText),
    help: 'certificate chain (PEM) for HTTPS beside HTTP; reloaded on change',
  },
  tlsKeyFile: {
    name: 'CORE_TLS_KEY_FILE',
    fallback: '',
    parse: optional(parseText),
    help: 'private key (PEM) of the certificate; reloaded on change',
  },
  core: {
    name: 'CORE_ID',
    fallback: 'dragonfork-local',
    parse: parseCoreId,
    help: 'label core of every metric; must equal that of the exporter',
  },
  dbDir: {
    name: 'CORE_DB_DIR',
    fallback: './data',
    parse: parseText,
    help: 'folder for db.json (the process list) and unacknowledged observations',
  },
  ffmpegBinary: {
    name: 'CORE_FFMPEG_BINARY',
    fallback: 'ffmpeg',
    parse: parseText,
    help: 'FFmpeg, by name or path',
  },
  apiToken: {
    name: 'CORE_API_TOKEN',
    fallback: '',
    parse: optional(parseToken),
    help: 'bearer token of the admin API; empty: loopback clients only',
    secret: true,
  },
  whepToken: {
    name: 'CORE_WHEP_TOKEN',
    fallback: '',
    parse: optional(parseToken),
    help: 'bearer token of viewers, required for POST; empty: public',
    secret: true,
  },
  strictEtag: {
    name: 'CORE_WEBRTC_WHEP_STRICT_ETAG',
    fallback: 'true',
    parse: parseBoolean,
    help: 'false: accept a trickle PATCH without If-Match (whip-whep 1.2)',
  },
  allowOrigins: {
    name: 'CORE_WEBRTC_ALLOW_ORIGINS',
    fallback: '*',
    parse: parseOrigins,
    help: 'origins whose pages may use WHEP, such as https://example.org, comma-separated; *: all',
  },
  publicBasePath: {
    name: 'CORE_PUBLIC_BASE_PATH',
    fallback: '',
    parse: parseBasePath,
    help: 'path prefix of this server behind a reverse proxy, such as /live',
  },
  processFile: {
    name: 'CORE_PROCESS_FILE',
    fallback: '',
    parse: optional(parseText),
    help: 'file of processes (JSON or YAML) to add at start, unless the id exists',
  },
  tcpMinPort: {
    name: 'CORE_WEBRTC_TCP_MIN_PORT',
    fallback: '',
    parse: optional(poolPort),
    help: 'lowest port of the pool for ICE over TCP; empty: no ICE-TCP',
  },
  tcpMaxPort: {
    name: 'CORE_WEBRTC_TCP_MAX_PORT',
    fallback: '',
    parse: optional(poolPort),
    help: 'highest port of the pool for ICE over TCP',
  },
  postsPerMinute: {
    name: 'CORE_WEBRTC_WHEP_POSTS_PER_MINUTE',
    fallback: '0',
    parse: wholeNumber(0, 1_000_000),
    help: 'maximum WHEP POSTs per client address and minute; 0: no limit',
  },
  inputAllow: {
    name: 'CORE_FFMPEG_ACCESS_INPUT_ALLOW',
    fallback: '',
    parse: listOf(parsePattern),
    help: 'regular expressions of allowed input addresses; empty: all',
  },
  inputBlock: {
    name: 'CORE_FFMPEG_ACCESS_INPUT_BLOCK',
    fallback: '',
    parse: listOf(parsePattern),
    help: 'regular expressions of blocked input addresses; these take precedence',
  },
  listenAddresses: {
    name: 'CORE_WEBRTC_LISTEN_ADDRESSES',
    fallback: '0.0.0.0',
    parse: listOf(parseIp),
    help: 'IP addresses to send media from, IPv4 or IPv6, comma-separated',
  },
  announcedAddresses: {
    name: 'CORE_WEBRTC_ANNOUNCED_ADDRESSES',
    fallback: '',
    parse: listOf(parseIpOrHost),
    help: 'IP addresses or host names for ICE candidates; empty: those of the host',
  },
  udpMinPort: {
    name: 'CORE_WEBRTC_UDP_MIN_PORT',
    fallback: '40000',
    parse: poolPort,
    help: 'lowest UDP port of the pool, for viewers and RTP legs',
  },
  udpMaxPort: {
    name: 'CORE_WEBRTC_UDP_MAX_PORT',
    fallback: '40999',
    parse: poolPort,
    help: 'highest UDP port of the pool',
  },
  muxPort: {
    name: 'CORE_WEBRTC_MUX_PORT',
    fallback: '',
    parse: optional(poolPort),
    help: 'one UDP port per worker for all viewers, counted up from this one; empty: the pool',
  },
  muxTcp: {
    name: 'CORE_WEBRTC_MUX_TCP',
    fallback: 'false',
    parse: parseBoolean,
    help: 'true: ICE over TCP on the same ports',
  },
  maxPeersTotal: {
    name: 'CORE_WEBRTC_MAX_PEERS_TOTAL',
    fallback: '200',
    parse: wholeNumber(0, 1_000_000),
    help: 'maximum number of viewers; 0: no cap',
  },
  maxPeersPerStream: {
    name: 'CORE_WEBRTC_MAX_PEERS_PER_STREAM',
    fallback: '50',
    parse: wholeNumber(0, 1_000_000),
    help: 'maximum number of viewers per stream; 0: no cap',
  },
  iceTimeoutMs: {
    name: 'CORE_WEBRTC_ICE_TIMEOUT_MS',
    fallback: '10000',
    parse: wholeNumber(100, 600_000),
    help: 'time for a viewer to connect after the answer',
  },
  iceConsentTimeoutS: {
    name: 'CORE_WEBRTC_ICE_CONSENT_TIMEOUT_S',
    fallback: '10',
    parse: consentTimeout,
    help: 'time without ICE consent until a viewer is disconnected: 10 to 60, or 0 for never',
  },
  iceServers: {
    name: 'CORE_WEBRTC_ICE_SERVERS',
    fallback: '',
    parse: listOf(parseIceServer),
    help: 'stun:host:port, turn:user:password@host:port, for Link headers; comma-separated',
  },
  workers: {
    name: 'CORE_WEBRTC_WORKERS',
    fallback: '',
    parse: optional(wholeNumber(1, 256)),
    help: 'number of mediasoup workers; empty: one per CPU core',
  },
  legTimeoutMs: {
    name: 'CORE_WEBRTC_LEG_TIMEOUT_MS',
    fallback: '3000',
    parse: wholeNumber(200, 600_000),
    help: 'time without RTP after which a leg has failed; longer if it sends rarely',
  },
  legStartTimeoutMs: {
    name: 'CORE_WEBRTC_LEG_START_TIMEOUT_MS',
    fallback: '20000',
    parse: wholeNumber(200, 600_000),
    help: 'a leg whose first RTP takes longer than this has failed',
  },
  onDemandTimeoutMs: {
    name: 'CORE_WEBRTC_ON_DEMAND_TIMEOUT_MS',
    fallback: '10000',
    parse: wholeNumber(100, 60_000),
    help: 'how long a POST waits for RTP of a stream that starts on demand',
  },
  shutdownDrainMs: {
    name: 'CORE_SHUTDOWN_DRAIN_MS',
    fallback: '0',
    parse: wholeNumber(0, MAX_DRAIN_S * 1_000),
    help: 'how long SIGTERM waits for the viewers to leave, while new ones get 503; 0: not at all',
  },
  exporterUrl: {
    name: 'CORE_EXPORTER_URL',
    fallback: 'ws://127.0.0.1:9465/ingest',
    parse: urlOf('ws:', 'wss:'),
    help: 'WebSocket address to push observations to',
  },
  exporterToken: {
    name: 'CORE_EXPORTER_TOKEN',
    fallback: '',
    parse: optional(parseToken),
    help: 'shared secret of media process and exporter',
    secret: true,
  },
} as const

type Values = ValuesOf<typeof SETTINGS>

export interface Config extends Omit<Values, 'tlsCertFile' | 'tlsKeyFile'> {
  /** Undefined: no HTTPS. */
  readonly tls: TlsFiles | undefined
}

/**
 * Reads all settings.
 * @throws {SettingsError} that names every bad one
 */
export function readConfig(source: SettingsSource): Config {
  const { tlsCertFile, tlsKeyFile, ...values } = readSettings(
    SETTINGS,
    source,
    read => [...conflicts(read), ...checkTls(tlsSettings(read), source)],
  )
  const tls = tlsFilesOf(tlsSettings({ tlsCertFile, tlsKeyFile }))
  return { ...values, tls }
}

function tlsSettings({
  tlsCertFile,
  tlsKeyFile,
}: Pick<Values, 'tlsCertFile' | 'tlsKeyFile'>): TlsSettings {
  return {
    cert: { name: SETTINGS.tlsCertFile.name, path: tlsCertFile },
    key: { name: SETTINGS.tlsKeyFile.name, path: tlsKeyFile },
  }
}

function conflicts(config: Values): readonly string[] {
  const { udpMinPort, udpMaxPort, tcpMinPort, tcpMaxPort } = config
  const problems: string[] = []
  if (udpMaxPort < udpMinPort) {
    problems.push(
      `CORE_WEBRTC_UDP_MAX_PORT: expected at least CORE_WEBRTC_UDP_MIN_PORT ` +
        `(${udpMinPort}), got ${udpMaxPort}`,
    )
  }
  if ((tcpMinPort === undefined) !== (tcpMaxPort === undefined)) {
    problems.push(
      'CORE_WEBRTC_TCP_MIN_PORT: expected both it and ' +
        'CORE_WEBRTC_TCP_MAX_PORT, or neither',
    )
  } else if ((tcpMaxPort ?? 0) < (tcpMinPort ?? 0)) {
    problems.push(
      `CORE_WEBRTC_TCP_MAX_PORT: expected at least CORE_WEBRTC_TCP_MIN_PORT`,
    )
  }
  if (config.muxPort === undefined) {
    if (config.muxTcp) {
      problems.push(
        'CORE_WEBRTC_MUX_TCP: expected false, because CORE_WEBRTC_MUX_PORT ' +
          'is not set',
      )
    }
  } else {
    const last = config.muxPort + (config.workers ?? 1) - 1
    if (last > 65_535) {
      problems.push(
        'CORE_WEBRTC_MUX_PORT: expected a port for each of the ' +
          `${config.workers} workers up to 65535, got ${config.muxPort}`,
      )
    }
    if (tcpMinPort !== undefined || tcpMaxPort !== undefined) {
      problems.push(
        'CORE_WEBRTC_TCP_MIN_PORT: expected to be unset, because ' +
          'CORE_WEBRTC_MUX_PORT is set; CORE_WEBRTC_MUX_TCP=true enables ' +
          'ICE over TCP there',
      )
    }
  }
  if (config.listenAddresses.length === 0) {
    problems.push(
      'CORE_WEBRTC_LISTEN_ADDRESSES: expected at least one IP address',
    )
  }
  return problems
}

function consentTimeout(text: string): number {
  // mediasoup clamps silently to 10..60; reject instead.
  return text === '0' ? 0 : wholeNumber(10, 60)(text)
}

function parseBasePath(text: string): string {
  if (text === '' || text === '/') return ''
  if (!/^(\/(?!\.\.?(\/|$))[A-Za-z0-9_.~-]+)+\/?$/.test(text)) {
    throw new RangeError(`expected a path such as /live, got ${text}`)
  }
  // Such a prefix would be ambiguous: the same paths exist without it.
  if (/^\/(api|ping|player|static)(\/|$)/.test(text)) {
    throw new RangeError(
      `expected a path that this server does not use itself, got ${text}`,
    )
  }
  return text.replace(/\/$/, '')
}

function parseOrigins(text: string): '*' | readonly string[] {
  return text === '*' ? text : listOf(parseOrigin)(text)
}

function parseOrigin(text: string): string {
  const url = URL.parse(text)
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  const isOrigin = text.replace(/\/$/, '') === url?.origin
  // There are no patterns: `*` in a host would match nothing.
  if (isWeb && isOrigin && !text.includes('*')) return url.origin
  throw new RangeError(
    `expected * or origins such as https://example.org, got ${text}`,
  )
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (cause) {
    throw new RangeError(`expected regular expressions, got ${text}`, { cause })
  }
}

function parseIpOrHost(text: string): string {
  // RFC 1123 section 2.1; a name of digits only is an IP address cut short.
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
  const isHost = new RegExp(`^${label}(\\.${label})*\\.?$`, 'i').test(text)
  const isNumeric = /^[\d.]+$/.test(text)
  if (isIP(text) !== 0 || (isHost && !isNumeric && text.length <= 253)) {
    return text
  }
  throw new RangeError(`expected IP addresses or host names, got ${text}`)
}

function parseIp(text: string): string {
  if (isIP(text) !== 0) return text
  throw new RangeError(`expected IP addresses, not names, got ${text}`)
}
