import { readFileSync, statSync } from 'node:fs'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Log } from '../../shared/runtime/log.ts'
import type { TlsFiles } from '../config.ts'

/**
 * An HTTPS server that checks its files before each handshake and reloads them
 * after a change. While certificate and key do not match, as when only one of
 * them has been replaced, the last matching pair stays in use.
 */
export function createTlsServer(
  files: TlsFiles,
  listener: RequestListener,
  log: Log,
): Server {
  let version = versionOf(files)
  const server = createServer(readPair(files), listener)
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
