/** Text is turned into bytes in pieces of about this many characters. */
const PIECE_LENGTH = 16 * 1024

/** Collects text as bytes. */
export interface Bytes {
  readonly write: (text: string) => void
  /** All that was written. */
  readonly whole: () => Buffer
}

/**
 * Makes an empty collector. One string of several megabytes put together from
 * small ones costs twice as much and is copied once more.
 */
export function collectBytes(): Bytes {
  const pieces: Buffer[] = []
  let piece = ''
  const flush = () => {
    pieces.push(Buffer.from(piece))
    piece = ''
  }
  return {
    write: text => {
      piece += text
      if (piece.length >= PIECE_LENGTH) flush()
    },
    whole: () => {
      flush()
      return Buffer.concat(pieces)
    },
  }
}
