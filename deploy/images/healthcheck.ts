/**
 * HEALTHCHECK of the images: exits with 0 if the process answers 200.
 * `node deploy/images/healthcheck.ts CORE_ADDRESS '/ping?live'` requests that path
 * at the address in that variable, over TLS if EXPORTER_TLS_CERT_FILE is set.
 */
import { once } from 'node:events'
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import { parseAddress } from '../../shared/runtime/settings.ts'

const RESPONSE_TIMEOUT_MS = 3_000

const [variable = '', path = '/'] = process.argv.slice(2)
const { host, port } = parseAddress(process.env[variable] ?? '')
const isTls = (process.env['EXPORTER_TLS_CERT_FILE'] ?? '') !== ''

const options = {
  host: ['', '0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host,
  port,
  path,
  timeout: RESPONSE_TIMEOUT_MS,
  // The certificate is for the public name, not for loopback.
  rejectUnauthorized: false,
}
const request = isTls ? getHttps(options) : getHttp(options)
request.on('timeout', () => {
  request.destroy(new Error(`No response within ${RESPONSE_TIMEOUT_MS} ms`))
})
const [response] = (await once(request, 'response')) as [IncomingMessage]
response.resume()
process.exitCode = response.statusCode === 200 ? 0 : 1
