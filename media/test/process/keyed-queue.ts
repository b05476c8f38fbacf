import t from 'tap'

import { KeyedQueue } from '../../process/keyed-queue.ts'

t.test('operations with one key run in order, others concurrently', async t => {
  const queue = new KeyedQueue()
  const { promise: passed, resolve: open } = Promise.withResolvers<undefined>()
  const order: string[] = []
  const step = (name: string, wait?: Promise<undefined>) => async () => {
    await wait
    order.push(name)
    return name
  }
  const first = queue.run(['a'], step('a1', passed))
  const second = queue.run(['a'], step('a2'))
  await queue.run(['b'], step('b1'))
  t.same(order, ['b1'])
  open(undefined)
  t.same(await Promise.all([first, second]), ['a1', 'a2'])
  t.same(order, ['b1', 'a1', 'a2'])
})

t.test('an operation with two keys waits for both and blocks both', async t => {
  const queue = new KeyedQueue()
  const { promise: passed, resolve: open } = Promise.withResolvers<undefined>()
  const order: string[] = []
  const all = [
    queue.run(['a'], async () => {
      await passed
      order.push('a')
    }),
    queue.run(['b', 'a', 'b'], () => Promise.resolve(order.push('both'))),
    queue.run(['a', 'b'], () => Promise.resolve(order.push('both again'))),
    queue.run(['b'], () => Promise.resolve(order.push('b'))),
  ]
  open(undefined)
  await Promise.all(all)
  t.same(order, ['a', 'both', 'both again', 'b'])
})

t.test('a failed operation does not stop later ones', async t => {
  const queue = new KeyedQueue()
  const failed = queue.run(['a'], () => Promise.reject(new Error('no')))
  const next = queue.run(['a'], () => Promise.resolve('yes'))
  await t.rejects(failed, { message: 'no' })
  t.equal(await next, 'yes')
  await queue.idle()
})

t.test('too many operations waiting for one key are rejected', async t => {
  const queue = new KeyedQueue()
  const { promise: passed, resolve: open } = Promise.withResolvers<undefined>()
  const waiting = Array.from({ length: 32 }, () =>
    queue.run(['a'], () => passed),
  )
  await t.rejects(
    queue.run(['a'], () => passed),
    { code: 'busy' },
  )
  t.equal(await queue.run(['b'], () => Promise.resolve(1)), 1)
  open(undefined)
  await Promise.all(waiting)
  t.equal(await queue.run(['a'], () => Promise.resolve(2)), 2)
})
