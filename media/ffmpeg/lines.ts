import { StringDecoder } from 'node:string_decoder'

/** A longer line is cut there, so that no child can fill our memory. */
export const MAX_LINE_CHARS = 2_000

/** Takes bytes and gives lines. */
export interface LineSplitter {
  push(chunk: Buffer): void
  /** Gives what is left without a line's end. */
  end(): void
}

/**
 * Splits UTF-8 at \r and \n, as FFmpeg ends its lines by either; empty lines
 * are dropped, long ones cut at MAX_LINE_CHARS and marked.
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
    const whole = line
    line = ''
    cut = false
    if (whole.trim() !== '') onLine(whole)
  }
  const take = (text: string) => {
    const [first = '', ...rest] = text.split(/[\r\n]/)
    append(first)
    for (const piece of rest) {
      flush()
      append(piece)
    }
  }
  return {
    push: chunk => {
      take(decoder.write(chunk))
    },
    end: () => {
      take(decoder.end())
      flush()
    },
  }
}
