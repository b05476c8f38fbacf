import t from 'tap'

import { commandOf } from '../../process/command.ts'
import { parseProcessConfig } from '../../process/config.ts'
import { fillPlaceholders } from '../../process/placeholders.ts'
import { RULES } from '../fixtures/process-list.ts'

t.test('commandOf() orders the arguments like upstream', t => {
  const config = parseProcessConfig(
    {
      id: 'cam',
      reference: 'hall',
      options: ['-loglevel', 'debug', '-metadata', 'title={processid}'],
      input: [
        { id: 'v', address: 'rtsp://{reference}/{inputid}', options: ['-re'] },
        { id: 'a', address: 'sine', options: ['-f', 'lavfi'] },
      ],
      output: [{ id: 'o', address: '{outputid}.ts', options: ['-c', 'copy'] }],
    },
    RULES,
  )
  const { inputs, args } = commandOf(config)
  t.match(inputs, { inputs: [{ address: 'rtsp://hall/v' }, {}], shared: true })
  const added = {
    inputOptions: [['-reinit_filter:v', '0']],
    outputs: ['-f', 'rtp', 'rtp://127.0.0.1:1'],
  }
  t.same(args(added), [
    ...['-hide_banner', '-loglevel', 'level+info'],
    ...['-loglevel', 'debug', '-metadata', 'title=cam'],
    ...['-nostdin', '-nostats', '-stats_period', '1'],
    ...['-progress', 'pipe:3'],
    ...['-reinit_filter:v', '0', '-re', '-i', 'rtsp://hall/v'],
    ...['-f', 'lavfi', '-i', 'sine'],
    ...['-c', 'copy', 'o.ts'],
    ...['-f', 'rtp', 'rtp://127.0.0.1:1'],
  ])
  t.end()
})

t.test('fillPlaceholders() fills values and escapes them on request', t => {
  const values = { processid: 'a:b\\c' }
  for (const [text, filled] of [
    ['{processid}', 'a:b\\c'],
    ['x{processid}y{processid}', 'xa:b\\cya:b\\c'],
    ['{processid^:}', 'a\\\\:b\\\\\\c'],
    ['{processid,key=value}', 'a:b\\c'],
    ['{other} {} {toString}', '{other} {} {toString}'],
  ] as const) {
    t.equal(fillPlaceholders(text, values), filled)
  }
  t.end()
})

t.test('fillPlaceholders() does not fill placeholders in values', t => {
  const values = { processid: '{reference}', reference: '$& $1' }
  t.equal(fillPlaceholders('{processid}', values), '{reference}')
  t.equal(fillPlaceholders('{reference}', values), '$& $1')
  t.end()
})
