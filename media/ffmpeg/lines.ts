import { StringDecoder } from 'node:string_decoder'

/** Longer lines are truncated, so that no child can fill our memory. */
const MAX_LINE_CHARS = 2_000

export interface LineSplitter {
  push(chunk: Buffer): void
  /** Emits the last line, which has no line end. */
  end(): void
}

/**
 * Splits UTF-8 into lines at \r and \n, because FFmpeg uses both. Drops blank
 * lines; truncates long ones and appends an ellipsis.
 */
export function splitLines(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8')
  let line = ''
  let cut = false

  const append = (text: string) => {
    if (cut) return
    line += text
    if (line.length <= MAX_LINE_CHARS) return
    line = `${line.slice(0, MAX_LINE_CHARS)}…`
    cut = true
  }
  const flush = () => {
    const complete = line
    line = ''
    cut = false
    if (complete.trim() !== '') onLine(complete)
  }
  const split = (text: string) => {
    const [first = '', ...rest] = text.split(/[\r\n]/)
    append(first)
    for (const piece of rest) {
      flush()
      append(piece)
    }
  }
  return {
    push: chunk => {
      split(decoder.write(chunk))
    },
    end: () => {
      split(decoder.end())
      flush()
    },
  }
}
