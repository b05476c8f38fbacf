import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'

const RUN = fileURLToPath(new URL('fixtures/run-fakes.ts', import.meta.url))
/** What `npm start` may take to end. */
const END_WITHIN_MS = 5_000

/** A run of both fakes, started as an operator starts the real ones. */
class Run {
  readonly process: ChildProcess
  readonly #lines: string[] = []
  #look: () => void = () => undefined

  constructor(t: Test, command: readonly string[], env: NodeJS.ProcessEnv) {
    const [program = '', ...args] = command
    this.process = spawn(program, args, {
      env: {
        ...process.env,
        CORE_ADDRESS: '127.0.0.1:0',
        EXPORTER_ADDRESS: '127.0.0.1:0',
        EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
        ...env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    t.teardown(() => this.process.kill('SIGKILL'))
    for (const input of [this.process.stdout, this.process.stderr]) {
      if (input === null) continue
      createInterface({ input }).on('line', line => {
        this.#lines.push(line)
        this.#look()
      })
    }
  }

  get output(): string {
    return this.#lines.join('\n')
  }

  /** Resolves once something has been printed. */
  async printed(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      await new Promise<void>(resolve => {
        this.#look = resolve
      })
    }
  }

  /** The exit code, or the signal. */
  async ended(): Promise<number | string> {
    if (this.process.exitCode === null) await once(this.process, 'close')
    return this.process.exitCode ?? this.process.signalCode ?? ''
  }

  /** The process ids that the fakes have told of, their children's too. */
  get pids(): number[] {
    return [...this.output.matchAll(/"pid":(\d+)/g)].map(m => Number(m[1]))
  }
}

function runFakes(
  t: Test,
  manners: { media?: string; exporter?: string } = {},
  env: NodeJS.ProcessEnv = {},
): Run {
  const { media = '', exporter = '' } = manners
  return new Run(t, [process.execPath, RUN, media, exporter], env)
}

/** Whether a process is there; one that ended and nobody has reaped is not. */
function lives(pid: number): boolean {
  const path = `/proc/${pid}/stat`
  if (!existsSync(path)) return false
  return !readFileSync(path, 'utf8').includes(') Z ')
}

async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(lives)) await delay(20)
}

t.test('both run until SIGTERM, and nothing is left', async t => {
  const run = runFakes(t, { media: 'parent' })
  await run.printed('Ctrl-C ends it')
  t.match(run.output, /player {4}http:\/\/127\.0\.0\.1:\d+\/player\/demo/)
  t.match(run.output, /metrics {3}http:\/\/127\.0\.0\.1:\d+\/metrics/)
  t.match(run.output, /\/-\/healthy {2}http:\/\/127\.0\.0\.1:\d+\/-\/ready/)
  t.match(run.output, '{"process":"media","message":"listening"')

  run.process.kill('SIGTERM')
  t.equal(await run.ended(), 0)
  t.equal(run.pids.length, 3)
  t.same(run.pids.filter(lives), [])
})

t.test('processes that ignore SIGTERM are ended all the same', async t => {
  const run = runFakes(t, { media: 'stubborn', exporter: 'stubborn' })
  await run.printed('Ctrl-C ends it')
  const startedAt = performance.now()
  run.process.kill('SIGINT')
  t.equal(await run.ended(), 0)
  t.ok(performance.now() - startedAt < END_WITHIN_MS, 'within 5 s')
  t.same(run.pids.filter(lives), [])
})

t.test('Ctrl-C in a terminal ends both', async t => {
  const command = `${process.execPath} ${RUN}`
  const run = new Run(t, ['script', '-qec', command, '/dev/null'], {})
  await run.printed('Ctrl-C ends it')
  run.process.stdin?.write('\u0003')
  t.equal(await run.ended(), 0)
  t.match(run.output, 'Ended')
  t.same(run.pids.filter(lives), [])
})

for (const name of ['media', 'exporter']) {
  t.test(`a start that the ${name} process dies in says so`, async t => {
    const run = runFakes(t, { [name]: 'dies' })
    t.equal(await run.ended(), 1)
    t.match(
      run.output,
      `The ${name} process ended with code 3. Its last words:`,
    )
    t.match(run.output, 'no camera in the house')
    t.same(run.pids.filter(lives), [])
  })

  t.test(`the ${name} process takes the other with it`, async t => {
    const run = runFakes(t)
    await run.printed('Ctrl-C ends it')
    const [exporter = 0, media = 0] = run.pids
    process.kill(name === 'media' ? media : exporter, 'SIGKILL')
    t.equal(await run.ended(), 1)
    t.match(run.output, `The ${name} process was ended by SIGKILL`)
    t.same(run.pids.filter(lives), [])
  })
}

t.test('a signal during the start ends what was started', async t => {
  const run = runFakes(t, { media: 'silent' })
  await run.printed('"process":"media"')
  run.process.kill('SIGTERM')
  t.equal(await run.ended(), 0)
  t.same(run.pids.filter(lives), [])
})

t.test('SIGKILL leaves nothing behind either', async t => {
  const run = runFakes(t)
  await run.printed('Ctrl-C ends it')
  run.process.kill('SIGKILL')
  await run.ended()
  await gone(run.pids)
  t.equal(run.pids.length, 2)
})

t.test('all ports in use are named, each with its setting', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const address = `127.0.0.1:${port}`
  const taken = { CORE_ADDRESS: address, EXPORTER_ADDRESS: address }

  const run = runFakes(t, {}, taken)
  t.equal(await run.ended(), 1)
  t.match(run.output, `Port ${port} is in use by another program`)
  t.match(run.output, / CORE_ADDRESS=127\.0\.0\.1:\d+ npm start/)
  t.match(run.output, / EXPORTER_ADDRESS=127\.0\.0\.1:\d+ npm start/)
  t.same(run.pids, [], 'nothing was started')
})
