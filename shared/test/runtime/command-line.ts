import t from 'tap'
import { readCommandLine } from '../../runtime/command-line.ts'

t.test('readCommandLine() reads each of the four commands', t => {
  t.equal(readCommandLine([]), 'run')
  t.equal(readCommandLine(['--help']), 'help')
  t.equal(readCommandLine(['-h']), 'help')
  t.equal(readCommandLine(['--version']), 'version')
  t.equal(readCommandLine(['--check-config']), 'check-config')
  t.end()
})

t.test('readCommandLine() rejects all other arguments', t => {
  for (const args of [['run'], ['--help', '--version'], ['--port=1'], ['']]) {
    t.throws(() => readCommandLine(args), /expected none, --help, --version/)
  }
  t.end()
})
