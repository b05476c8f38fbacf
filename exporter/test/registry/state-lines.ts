import fc from 'fast-check'
import t from 'tap'
import { readLines, writeLine } from '../../registry/state-lines.ts'

t.test('readLines() reads the lines of writeLine() up to a cut', t => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.nat(), (values, cut) => {
      const lines = values.map(writeLine)
      const bytes = Buffer.concat(lines)
      const short = bytes.subarray(0, cut % (bytes.length + 1))
      const read = readLines(short)
      let whole = 0
      let length = 0
      for (const line of lines) {
        if (length + line.length > short.length) break
        length += line.length
        whole++
      }
      return (
        read.damage === undefined &&
        read.goodBytes === length &&
        JSON.stringify(read.values) === JSON.stringify(values.slice(0, whole))
      )
    }),
  )
  t.end()
})

t.test('readLines() accepts any bytes', t => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      const { values, goodBytes } = readLines(Buffer.from(bytes))
      return values.length === 0 && goodBytes === 0
    }),
  )
  t.end()
})

t.test('readLines() stops at a damaged line and names it', t => {
  const lines = [writeLine({ a: 1 }), writeLine({ b: 2 }), writeLine({ c: 3 })]
  lines[1]?.write('{', 12)
  const { values, damage } = readLines(Buffer.concat(lines))
  t.same(values, [{ a: 1 }])
  t.match(damage, /^line 2: expected checksum [0-9a-f]{8}, got "[0-9a-f]{8}"$/)
  t.end()
})
