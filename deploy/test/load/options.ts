import t from 'tap'
import { startChild } from '../../../shared/test/fixtures/child.ts'
import { readOptions } from '../../load/options.ts'

t.test('without arguments, five viewers watch for ten minutes', t => {
  t.strictSame(readOptions([]), {
    ...{ viewers: 5, minutes: 10, target: undefined },
    ...{ stream: undefined, ramp: undefined },
  })
  t.end()
})

t.test('all options are read', t => {
  const args = [
    ...['--viewers', '50', '--minutes', '0.5', '--stream', 'door'],
    ...['--url', 'https://box/live/', '--prometheus', 'http://box:9090'],
    ...['--ramp', '10'],
  ]
  t.strictSame(readOptions(args), {
    ...{ viewers: 50, minutes: 0.5, stream: 'door', ramp: 10 },
    target: { url: 'https://box/live', prometheus: 'http://box:9090' },
  })
  t.end()
})

const BAD: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['--viewers', '0'], /^--viewers: expected .* from 1 to 500, got "0"$/],
  [['--viewers', '501'], /^--viewers: expected .*, got "501"$/],
  [['--viewers', '1.5'], /^--viewers: expected a whole number .*, got "1.5"$/],
  [['--viewers', ''], /^--viewers: expected .*, got ""$/],
  [['--minutes', '0'], /^--minutes: expected a number above 0.*, got "0"$/],
  [['--minutes', '1e3'], /^--minutes: expected .*, got "1e3"$/],
  [['--minutes', '1441'], /^--minutes: expected .* at most 1440, got "1441"$/],
  [['--ramp', 'x'], /^--ramp: expected a whole number .*, got "x"$/],
  [['--stream', 'a b'], /^--stream: Cannot use "a b" as a stream id: expected/],
  [['--url', 'http://box'], /^Expected --url and --prometheus together/],
  [
    ['--url', 'box:8080', '--prometheus', 'http://box:9090'],
    /^--url: expected an http or https URL without query, got "box:8080"$/,
  ],
  [['--vewers', '5'], /Unknown option '--vewers'/],
  [['5'], /Unexpected argument '5'/],
]

for (const [args, message] of BAD) {
  t.test(`"${args.join(' ')}" is rejected with what was expected`, t => {
    t.throws(() => readOptions(args), { name: 'UsageError', message })
    t.end()
  })
}

t.test('bad arguments exit with 2, before anything starts', async t => {
  const child = startChild('deploy/load/main.ts', {}, ['--viewers', 'many'])
  t.equal(await child.exited, 2)
  t.match(child.output, '--viewers: expected a whole number from 1 to 500')
  t.match(child.output, 'npm run load -- [options]')
})
