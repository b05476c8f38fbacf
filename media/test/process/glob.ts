import fc from 'fast-check'
import t from 'tap'

import { compileGlob } from '../../process/glob.ts'

t.test('compileGlob() supports *, ? and \\', t => {
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
    t.equal(compileGlob(pattern)(text), matches, `${pattern} and ${text}`)
  }
  t.end()
})

t.test('compileGlob() agrees with a regular expression', t => {
  const pattern = fc.string({
    unit: fc.constantFrom('a', 'b', '*', '?'),
    maxLength: 8,
  })
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      const source = glob.replaceAll('*', '.*').replaceAll('?', '.')
      t.equal(compileGlob(glob)(name), new RegExp(`^${source}$`).test(name))
    }),
  )
  t.end()
})

t.test('compileGlob() is fast for any pattern', t => {
  const text = 'a'.repeat(150).padEnd(256, 'b')
  for (const pattern of [
    '*a'.repeat(200),
    '*'.repeat(16_000),
    '?*'.repeat(120),
  ]) {
    const matches = compileGlob(`${pattern}c`)
    for (let round = 0; round < 1_000; round++) matches(text)
  }
  t.notOk(compileGlob('*a'.repeat(200))(text))
  t.end()
})
