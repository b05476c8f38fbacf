/** Fields of a record; never secrets or client addresses. */
export type LogFields = Readonly<Record<string, unknown>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Writes each record as one JSON line. Messages are constants. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** Returns a log that adds `fields` to every record. */
  with(fields: LogFields): Log
}

/** Where records go, and the clock. */
export interface LogSink {
  readonly write: (line: string) => void
  readonly now: () => Date
}

/**
 * Creates a log that writes each record to `sink` as a line of
 * `{"time", "level", "message", ...fields}`. An Error among the fields is
 * written as its name, message, code and cause.
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
