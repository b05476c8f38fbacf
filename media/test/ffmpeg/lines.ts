import fc from 'fast-check'
import t from 'tap'

import { splitLines } from '../../ffmpeg/lines.ts'

function split(...chunks: readonly Buffer[]): readonly string[] {
  const lines: string[] = []
  const splitter = splitLines(line => lines.push(line))
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

t.test('splitLines() splits at \\r and \\n, and drops blank lines', t => {
  t.same(split(Buffer.from('a\rb\nc\r\n\n  \nd')), ['a', 'b', 'c', 'd'])
  t.end()
})

t.test('splitLines() does not depend on chunk boundaries', t => {
  const text = fc.array(fc.constantFrom('a', 'é', '💡', '\r', '\n', ' '))
  fc.assert(
    fc.property(text, fc.array(fc.nat({ max: 40 })), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(''))
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      const chunks = at.map((from, i) => bytes.subarray(from, at[i + 1]))
      t.strictSame(split(...chunks.slice(0, -1)), split(bytes))
    }),
  )
  t.end()
})

t.test('splitLines() truncates a line after 2,000 characters', t => {
  const chunk = Buffer.alloc(1024 * 1024, 0x78)
  const [line, next] = split(chunk, chunk, Buffer.from('\nnext\n'))
  t.equal(line, `${'x'.repeat(2_000)}…`)
  t.equal(next, 'next')
  t.end()
})
