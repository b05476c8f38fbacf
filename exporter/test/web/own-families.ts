import { Gauge, Registry } from 'prom-client'
import t from 'tap'
import { OPEN_METRICS, TEXT } from '../../web/formats.ts'
import { createSampledWriter } from '../../web/own-families.ts'

t.test('createSampledWriter() reads the registry once a second', async t => {
  const registry = new Registry()
  let reads = 0
  new Gauge({
    name: 'reads',
    help: 'How often it was read.',
    registers: [registry],
    collect() {
      this.set(++reads)
    },
  })
  let nowMs = 5_000
  const clock = { steadyMs: () => nowMs }
  const write = createSampledWriter(registry, 'box', clock)
  const page = (count: number) =>
    '# HELP reads How often it was read.\n# TYPE reads gauge\n' +
    `reads{core="box"} ${count}\n`

  t.equal(await write(TEXT), page(1))
  nowMs += 999
  t.equal(await write(TEXT), page(1), 'a read within a second is shared')
  t.equal(await write(OPEN_METRICS), page(2), 'another format is read again')
  nowMs += 1
  t.same(
    await Promise.all([write(TEXT), write(TEXT)]),
    [page(3), page(3)],
    'concurrent scrapes share one read',
  )
})
