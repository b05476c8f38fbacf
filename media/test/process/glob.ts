import fc from 'fast-check'
import t from 'tap'

import { matchesGlob } from '../../process/glob.ts'

t.test('matchesGlob() knows *, ? and \\', t => {
  for (const [pattern, text, matches] of [
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'a/b:c', true],
    ['cam*', 'cam:1', true],
    ['cam*', 'xcam', false],
    ['*1', 'cam1', true],
    ['*1', 'cam12', false],
    ['a*b*c', 'axxbyybzzc', true],
    ['a*b*c', 'axxbyy', false],
    ['?', 'a', true],
    ['?', '', false],
    ['a?c', 'abc', true],
    ['a\\*c', 'a*c', true],
    ['a\\*c', 'abc', false],
    ['a\\', 'a\\', true],
    ['a.c', 'abc', false],
  ] as const) {
    t.equal(matchesGlob(pattern, text), matches, `${pattern} and ${text}`)
  }
  t.end()
})

t.test('matchesGlob() agrees with a regular expression', t => {
  const pattern = fc.string({
    unit: fc.constantFrom('a', 'b', '*', '?'),
    maxLength: 8,
  })
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      const source = glob.replaceAll('*', '.*').replaceAll('?', '.')
      t.equal(matchesGlob(glob, name), new RegExp(`^${source}$`).test(name))
    }),
  )
  t.end()
})

t.test('matchesGlob() takes its time from no pattern', t => {
  t.notOk(matchesGlob('*a'.repeat(200), 'a'.repeat(150).padEnd(5_000, 'b')))
  t.end()
})
