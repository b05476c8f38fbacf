import t from 'tap'
import { bar, Report } from '../../local/setup/report.mjs'

t.test(
  'step() prints what it does and how long that takes and took',
  async t => {
    const texts: string[] = []
    const report = new Report({ write: text => texts.push(text) })
    const result = await report.step('baking', 'an hour', async progress => {
      progress('half')
      return Promise.resolve('bread')
    })
    t.equal(result, 'bread')
    t.same(texts, [
      '[setup] baking, an hour\n',
      '[setup] baking: done in 0 s\n',
    ])
  },
)

t.test('step() prints nothing of a failure', async t => {
  const texts: string[] = []
  const report = new Report({ write: text => texts.push(text) })
  await t.rejects(
    report.step('baking', 'an hour', () => Promise.reject(new Error('burnt'))),
    { message: 'burnt' },
  )
  t.same(texts, ['[setup] baking, an hour\n'])
})

t.test('step() redraws progress on a terminal', async t => {
  const drawn = Promise.withResolvers<undefined>()
  const texts: string[] = []
  const report = new Report({
    isTTY: true,
    columns: 20,
    write: text => {
      texts.push(text)
      if (text.includes('half')) drawn.resolve(undefined)
    },
  })
  await report.step('baking', 'an hour', async progress => {
    progress('half of a very long line')
    await drawn.promise
  })
  t.match(
    texts.find(text => text.includes('half')),
    /^\[setup\] .{11}$/,
  )
  t.equal(texts.at(-2), '\r\u001b[K', 'it is erased at the end')
})

t.test('bar() shows the progress of a count', t => {
  t.equal(bar(0, 261), '[....................]   0/261')
  t.equal(bar(130, 261), '[#########...........] 130/261')
  t.equal(bar(261, 261), '[####################] 261/261')
  t.end()
})
