import { crc32 } from 'node:zlib'
import { reasonOf } from '../../shared/runtime/errors.ts'

/**
 * A line of the state file: the checksum of the JSON text, a space, the JSON
 * text, a line feed.
 */
export function writeLine(value: unknown): Buffer {
  const json = JSON.stringify(value)
  return Buffer.from(`${checksum(json)} ${json}\n`)
}

/** The readable part of a file of such lines. */
export interface LinesRead {
  readonly values: readonly unknown[]
  /** Length up to the end of the last good line. */
  readonly goodBytes: number
  /** The fault of the line after those; undefined if there is none. */
  readonly damage: string | undefined
}

/**
 * Reads lines up to the first damaged one. A last line without a line feed is
 * not damage: the process was killed while writing it, so it was never
 * acknowledged.
 */
export function readLines(bytes: Buffer): LinesRead {
  const values: unknown[] = []
  let goodBytes = 0
  for (;;) {
    const end = bytes.indexOf(0x0a, goodBytes)
    if (end === -1) return { values, goodBytes, damage: undefined }
    const line = bytes.toString('utf8', goodBytes, end)
    try {
      values.push(readLine(line))
    } catch (error) {
      const reason = reasonOf(error)
      const damage = `line ${values.length + 1}: ${reason}`
      return { values, goodBytes, damage }
    }
    goodBytes = end + 1
  }
}

function readLine(line: string): unknown {
  const json = line.slice(9)
  const expected = checksum(json)
  const found = line.slice(0, 8)
  if (found === expected) return JSON.parse(json)
  throw new RangeError(
    `expected checksum ${expected}, got ${JSON.stringify(found)}`,
  )
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}
