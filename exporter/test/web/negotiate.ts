import t from 'tap'
import { OPEN_METRICS, TEXT } from '../../web/formats.ts'
import { chooseFormat, acceptsGzip } from '../../web/negotiate.ts'

/** What Prometheus 2.42 and 3.x send. */
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,' +
  'application/openmetrics-text;version=0.0.1;q=0.75,' +
  'text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
  'application/openmetrics-text;version=0.0.1;q=0.5,' +
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,' +
  'text/plain;version=0.0.4;q=0.3,*/*;q=0.2'

for (const [accept, format] of [
  ['', TEXT],
  ['*/*', TEXT],
  ['text/*', TEXT],
  ['text/plain', TEXT],
  ['text/plain; version=0.0.4', TEXT],
  ['text/html,application/xhtml+xml,*/*;q=0.8', TEXT],
  ['application/json', TEXT],
  ['application/openmetrics-text', OPEN_METRICS],
  ['application/openmetrics-text; version=1.0.0', OPEN_METRICS],
  ['APPLICATION/OpenMetrics-Text;Version="1.0.0"', OPEN_METRICS],
  ['application/openmetrics-text; version=0.0.1', TEXT],
  ['application/openmetrics-text;q=0', TEXT],
  ['application/openmetrics-text;q=nonsense', TEXT],
  ['application/openmetrics-text;q=0.4,text/plain;q=0.5', TEXT],
  ['text/plain;q=0.4, application/openmetrics-text;q=0.5', OPEN_METRICS],
  ['text/plain, application/openmetrics-text', TEXT],
  ['text/plain;version=1.0.0, application/openmetrics-text', OPEN_METRICS],
  [PROMETHEUS_2, OPEN_METRICS],
  [PROMETHEUS_3, OPEN_METRICS],
] as const) {
  t.test(`chooseFormat() picks the format for ${accept || 'no Accept'}`, t => {
    t.equal(chooseFormat(accept).contentType, format.contentType)
    t.end()
  })
}

t.test('acceptsGzip() requires gzip by name and before identity', t => {
  t.ok(acceptsGzip('gzip'))
  t.ok(acceptsGzip('deflate, gzip;q=0.5, br'))
  t.notOk(acceptsGzip(''))
  t.notOk(acceptsGzip('br, identity'))
  t.notOk(acceptsGzip('gzip;q=0, *'))
  t.ok(acceptsGzip('identity;q=0.1, gzip;q=0.5'))
  t.notOk(acceptsGzip('gzip;q=0.5, identity'))
  t.end()
})
