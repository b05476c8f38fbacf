/** The differences between the two exposition formats. */
export interface Format {
  readonly contentType: string
  /** Name of a counter's family; its samples end in `_total` in both. */
  readonly counterFamily: (name: string) => string
  /** The label value of a bucket's upper bound. */
  readonly bound: (value: number) => string
  readonly escapeHelp: (text: string) => string
  readonly end: string
}

/** Prometheus text format 0.0.4. */
export const TEXT: Format = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  counterFamily: name => name,
  bound: formatNumber,
  escapeHelp: text => escape(text, /[\\\n]/g),
  end: '',
}

/** OpenMetrics 1.0.0. */
export const OPEN_METRICS: Format = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  counterFamily: name => name.replace(/_total$/, ''),
  // "Canonical Numbers": whole numbers have a decimal point.
  bound: value =>
    Number.isInteger(value) ? `${value}.0` : formatNumber(value),
  escapeHelp: text => escape(text, /[\\\n"]/g),
  end: '# EOF\n',
}

function escape(text: string, special: RegExp): string {
  return text.replace(special, char => (char === '\n' ? '\\n' : `\\${char}`))
}

/** A number in both formats. */
export function formatNumber(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return String(value)
}
