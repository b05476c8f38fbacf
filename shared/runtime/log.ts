/** Values of a record beside its message; nothing secret, no addresses. */
export type LogFields = Readonly<Record<string, unknown>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Writes one JSON line a record; the message is constant. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log whose records all carry `fields` too. */
  with(fields: LogFields): Log
}

/** Where records go and what time it is. */
export interface LogSink {
  readonly write: (line: string) => void
  readonly now: () => Date
}

/**
 * A log that writes `{"time", "level", "message", ...fields}` and a newline a
 * record to `sink`. An Error among the fields becomes its message and code.
 */
export function createLog(sink: LogSink, bound: LogFields = {}): Log {
  const record =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      const time = sink.now().toISOString()
      const values = { time, level, message, ...bound, ...fields }
      sink.write(`${JSON.stringify(values, errorsAsFields)}\n`)
    }
  return {
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
    with: fields => createLog(sink, { ...bound, ...fields }),
  }
}

function errorsAsFields(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  const { name, message, cause } = value
  const code: unknown = 'code' in value ? value.code : undefined
  return { name, message, code, cause }
}
