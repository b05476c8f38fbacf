import { OPEN_METRICS, TEXT, type Format } from './formats.ts'

interface Weighted {
  readonly value: string
  readonly parameters: ReadonlyMap<string, string>
  readonly q: number
}

/**
 * The items of an Accept or Accept-Encoding header, highest weight first and
 * otherwise in their order, without those of q=0 (RFC 9110 section 12.4.2).
 */
function readWeighted(header: string): readonly Weighted[] {
  return header
    .split(',')
    .map(item => {
      const [value = '', ...rest] = item.split(';').map(part => part.trim())
      const parameters = new Map(
        rest.map(part => {
          const [name = '', text = ''] = part.split('=')
          return [name.trim().toLowerCase(), text.trim().replace(/"/g, '')]
        }),
      )
      const q = Number(parameters.get('q') ?? '1')
      return { value: value.toLowerCase(), parameters, q }
    })
    .filter(({ q }) => q > 0 && q <= 1)
    .sort((a, b) => b.q - a.q)
}

/**
 * The preferred format of an Accept header. If it accepts neither, text: that
 * is what Prometheus' own servers do, instead of 406.
 */
export function chooseFormat(accept: string): Format {
  for (const { value, parameters } of readWeighted(accept)) {
    const version = parameters.get('version')
    switch (value) {
      case 'application/openmetrics-text':
        if (version === undefined || version === '1.0.0') return OPEN_METRICS
        break
      case 'text/plain':
        if (version === undefined || version === '0.0.4') return TEXT
        break
      case 'text/*':
      case '*/*':
        return TEXT
    }
  }
  return TEXT
}

/** Whether the Accept-Encoding header names gzip and prefers it. */
export function acceptsGzip(acceptEncoding: string): boolean {
  const best = readWeighted(acceptEncoding).find(({ value }) =>
    ['gzip', 'x-gzip', 'identity'].includes(value),
  )
  return best !== undefined && best.value !== 'identity'
}
