import { readFileSync, statSync } from 'node:fs'
import type { RequestListener, Server, ServerOptions } from 'node:http'
import { createServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import { reasonOf } from './errors.ts'
import type { Log } from './log.ts'
import { checkPair, type SettingsSource } from './settings.ts'

/** Paths of a certificate chain and its private key, both PEM. */
export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** The settings that name the files, of which either may be unset. */
export interface TlsSettings {
  readonly cert: { readonly name: string; readonly path: string | undefined }
  readonly key: { readonly name: string; readonly path: string | undefined }
}

/** Returns the files if both are set. */
export function tlsFilesOf({ cert, key }: TlsSettings): TlsFiles | undefined {
  return cert.path === undefined || key.path === undefined
    ? undefined
    : { certFile: cert.path, keyFile: key.path }
}

/**
 * Returns what is wrong with the settings: one of them missing, a file that
 * cannot be read, or a certificate and a key that do not belong together.
 */
export function checkTls(
  { cert, key }: TlsSettings,
  source: SettingsSource,
): readonly string[] {
  const problems = [
    ...checkPair(
      { name: cert.name, isSet: cert.path !== undefined },
      { name: key.name, isSet: key.path !== undefined },
    ),
  ]
  const [certText, keyText] = [cert, key].map(({ name, path }) => {
    if (path === undefined) return undefined
    try {
      return source.readFile(path)
    } catch (error) {
      problems.push(`${name}: expected a readable file: ${String(error)}`)
      return undefined
    }
  })
  if (certText === undefined || keyText === undefined) return problems
  try {
    createSecureContext({ cert: certText, key: keyText })
  } catch (error) {
    problems.push(
      `${cert.name}: expected a PEM certificate that belongs to ` +
        `${key.name}: ${reasonOf(error)}`,
    )
  }
  return problems
}

/**
 * An HTTPS server that checks its files before each handshake and reloads them
 * after a change. While certificate and key do not match, as when only one of
 * them has been replaced, the last matching pair stays in use.
 */
export function createTlsServer(
  files: TlsFiles,
  options: ServerOptions,
  listener: RequestListener,
  log: Log,
): Server {
  let version = versionOf(files)
  const server = createServer({ ...options, ...readPair(files) }, listener)
  // Runs before Node's own listener, which starts the handshake.
  server.prependListener('connection', () => {
    try {
      const found = versionOf(files)
      if (found === version) return
      version = found
      const pair = readPair(files)
      createSecureContext(pair)
      server.setSecureContext(pair)
      log.info('certificate reloaded', { certFile: files.certFile })
    } catch (error) {
      log.error('cannot reload certificate', {
        certFile: files.certFile,
        error,
      })
    }
  })
  return server
}

function readPair({ certFile, keyFile }: TlsFiles) {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) }
}

function versionOf({ certFile, keyFile }: TlsFiles): string {
  return [certFile, keyFile]
    .map(path => {
      const { mtimeMs, ino, size } = statSync(path)
      return `${mtimeMs} ${ino} ${size}`
    })
    .join(' ')
}
