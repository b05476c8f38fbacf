import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { takePorts, type PortPool, type PortRange } from './fixtures/ports.ts'

const SCRIPT = fileURLToPath(new URL('fixtures/take-ports.ts', import.meta.url))

let pools = 0

/** A pool of `count` ports that no other test uses. */
async function ownPool(count: number): Promise<PortPool> {
  const name = `dragonfork-test-ports-${process.pid}-${++pools}`
  return { name, ...(await takePorts(count)) }
}

/** A process that holds ranges of the sizes `counts`. */
async function startHolder(
  t: Test,
  pool: PortPool,
  counts: readonly number[],
): Promise<{ child: ChildProcess; ranges: readonly PortRange[] }> {
  const child = spawn(
    process.execPath,
    [SCRIPT, JSON.stringify(pool), ...counts.map(String)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(() => kill(child))
  for await (const line of createInterface(child.stdout)) {
    return { child, ranges: JSON.parse(line) as readonly PortRange[] }
  }
  throw new Error('The process ended before it printed its ranges')
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'close')
}

function portsOf({ min, max }: PortRange): readonly number[] {
  return Array.from({ length: max - min + 1 }, (_, index) => min + index)
}

t.test('concurrent processes share no port', async t => {
  const pool = await ownPool(200)
  // Together they request every block, so they compete.
  const counts = Array<number>(10).fill(10)
  const holders = await Promise.all([
    startHolder(t, pool, counts),
    startHolder(t, pool, counts),
  ])
  const ports = holders.flatMap(({ ranges }) => ranges.flatMap(portsOf))
  t.same(
    ports.toSorted((a, b) => a - b),
    portsOf(pool),
  )
})

t.test('takePorts(count) returns `count` ports of the pool', async t => {
  const pool = await ownPool(100)
  const { min, max } = await takePorts(35, pool)
  t.equal(max - min, 34)
  t.ok(min >= pool.min && max <= pool.max)
  t.ok((await takePorts(4)).max < 32_768, 'below the ephemeral range')
})

t.test('concurrent ranges of one process share no port', async t => {
  const pool = await ownPool(200)
  const ranges = await Promise.all([takePorts(5, pool), takePorts(5, pool)])
  t.equal(new Set(ranges.flatMap(portsOf)).size, 10)
})

t.test('concurrent callers that meet in a pool all get a range', async t => {
  const pool = await ownPool(400)
  const taking = Array.from({ length: 8 }, () => takePorts(50, pool))
  const ports = (await Promise.all(taking)).flatMap(portsOf)
  t.equal(new Set(ports).size, 400)
})

t.test('the ranges of a killed process are free again', async t => {
  const pool = await ownPool(100)
  const { child } = await startHolder(t, pool, [100])
  await t.rejects(takePorts(1, pool), {
    message:
      'Cannot take 1 ports: no such range is free between ' +
      `${pool.min} and ${pool.max}`,
  })

  await kill(child)
  t.same(await takePorts(100, pool), { min: pool.min, max: pool.max })
})

t.test('a block with a port in use is not handed out', async t => {
  const pool = await ownPool(30)
  const [udp, tcp] = [createSocket('udp4'), createServer()]
  udp.bind(pool.min, '127.0.0.1')
  tcp.listen(pool.max, '127.0.0.1')
  t.teardown(() => {
    udp.close()
    tcp.close()
  })
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')])

  t.same(await takePorts(1, pool), { min: pool.min + 10, max: pool.min + 10 })
  await t.rejects(takePorts(1, pool))
})
