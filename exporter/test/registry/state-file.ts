import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import { isBootId, isStreamId } from '../../../shared/protocol/ids.ts'
import { StartError } from '../../http-server.ts'
import { LIMITS, type Limits } from '../../limits.ts'
import type { LedgerEntry } from '../../registry/ledger-entry.ts'
import { decodeLedger, encodeLedger } from '../../registry/ledger-json.ts'
import { applyEntry, createLedger, type Ledger } from '../../registry/ledger.ts'
import { StateFile } from '../../registry/state-file.ts'
import { writeLine } from '../../registry/state-lines.ts'
import { arbitrarySteps, toEntries } from '../fixtures/arbitrary-entries.ts'
import { durations, requests } from '../fixtures/cells.ts'
import { BOOT } from '../fixtures/media.ts'
import { memoryLog } from '../../../shared/test/fixtures/memory-log.ts'
import { shownValues } from '../fixtures/shown.ts'

/** A folder for a state file, and ways to open it. */
function createSubject(t: Test, limits: Partial<Limits> = {}) {
  const folder = t.testdir()
  const path = join(folder, 'state')
  const memory = memoryLog()
  let failures = 0
  const open = async (core = 'test') => {
    const opened = await StateFile.open({
      path,
      core,
      maxStreams: 10,
      log: memory.log,
      onWriteFailure: () => failures++,
      now: () => new Date(0),
      limits: { ...LIMITS, stateRetryMs: 5, ...limits },
    })
    t.teardown(() => opened.file.close())
    return opened
  }
  const failed = async (): Promise<void> => {
    while (failures === 0) await new Promise(setImmediate)
  }
  return { folder, path, open, failed, ...memory }
}

async function keepAll(
  { file, ledger }: { file: StateFile; ledger: Ledger },
  entries: readonly LedgerEntry[],
): Promise<void> {
  for (const entry of entries) {
    await file.keep(entry, ledger)
    applyEntry(ledger, entry)
  }
}

function batchesOf(count: number): readonly LedgerEntry[] {
  const boot = BOOT
  if (!isBootId(boot)) throw new TypeError(boot)
  const batches = Array.from({ length: count }, (_, i): LedgerEntry => {
    const seq = i + 1
    const cells = [requests(1, 'cam', seq), durations(2, 'cam', seq)]
    const batch = { kind: 'batch', seq, observed: seq, lost: 0, cells } as const
    return { kind: 'batch', boot, live: true, batch }
  })
  const came = ['cam'].filter(isStreamId)
  return [
    { kind: 'boot', boot },
    { kind: 'streams', atMs: 1, came, gone: [] },
    ...batches,
  ]
}

t.test('open() restores what was stored', async t => {
  const { open } = createSubject(t)
  const first = await open()
  await keepAll(first, batchesOf(3))
  await first.file.close()
  const second = await open()
  t.same(shownValues(second.ledger), shownValues(first.ledger))
  t.equal(second.ledger.boot?.seq, 3)
})

t.test('open() drops a torn last line and overwrites it', async t => {
  const { open, path, folder } = createSubject(t)
  const first = await open()
  await keepAll(first, batchesOf(2))
  await first.file.close()
  const line = writeLine(batchesOf(3).at(-1))
  for (const length of [1, 9, 100, line.length - 1]) {
    const before = await readFile(path)
    await appendFile(path, line.subarray(0, length))
    const { file, ledger } = await open()
    t.equal(ledger.boot?.seq, 2)
    await file.keep({ kind: 'refused', reason: 'malformed' }, ledger)
    await file.close()
    const again = await open()
    t.equal(again.ledger.rejected.malformed, 1)
    await again.file.close()
    await writeFile(path, before)
  }
  t.same(await readdir(folder), ['state'])
})

t.test(
  'open() keeps a damaged file aside and uses its readable part',
  async t => {
    const { open, path, folder, of } = createSubject(t)
    const first = await open()
    await keepAll(first, batchesOf(4))
    await first.file.close()
    const damaged = await readFile(path)
    const at = damaged.lastIndexOf('"seq":3')
    damaged.write('7', at + 6)
    await writeFile(path, damaged)
    const { ledger } = await open()
    t.equal(ledger.boot?.seq, 2)
    const aside = 'state.corrupt-1970-01-01T000000.000Z'
    t.same((await readdir(folder)).sort(), ['state', aside])
    t.same(await readFile(join(folder, aside)), damaged)
    t.match(of('state file is damaged; kept aside'), [
      { damage: /^line 7: expected checksum/ },
    ])
  },
)

t.test('open() keeps a file of another format aside', async t => {
  const { open, path, folder, of } = createSubject(t)
  await writeFile(path, 'dear diary\n')
  const { ledger } = await open()
  t.equal(shownValues(ledger).size, 0)
  t.equal((await readdir(folder)).length, 2)
  t.equal(of('state file is damaged; kept aside').length, 1)
})

t.test('open() succeeds with any damage to the file', async t => {
  const { open, path } = createSubject(t)
  const first = await open()
  await keepAll(first, batchesOf(3))
  await first.file.close()
  const good = await readFile(path)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
      async (at, bytes) => {
        const bad = Buffer.from(good)
        bad.set(bytes.subarray(0, bad.length - at), at)
        await writeFile(path, bad)
        const { file, ledger } = await open()
        await file.close()
        return (ledger.boot?.seq ?? 0) <= 3
      },
    ),
    { numRuns: 30 },
  )
})

t.test('open() treats an empty file as a new one', async t => {
  const { open, path, folder } = createSubject(t)
  await writeFile(path, '')
  await open()
  t.same(await readdir(folder), ['state'])
})

t.test(
  'open() rejects the file of another core or version and does not change it',
  async t => {
    const { open, path } = createSubject(t)
    const { file } = await open()
    await file.close()
    const before = await readFile(path)
    await t.rejects(open('other'), StartError)
    await t.rejects(
      open('other'),
      /counters of CORE_ID "test", expected "other"/,
    )
    t.same(await readFile(path), before)
    const header = { format: 'dragonfork-exporter-state', version: 2 }
    await writeFile(path, writeLine(header))
    await t.rejects(open(), /its version is 2, expected 1/)
  },
)

t.test('open() explains why a file cannot be used', async t => {
  const { folder, log } = createSubject(t)
  const options = {
    core: 'test',
    maxStreams: 1,
    limits: LIMITS,
    log,
    onWriteFailure: () => undefined,
    now: () => new Date(),
  }
  for (const path of [join(folder, 'none', 'state'), folder]) {
    await t.rejects(
      StateFile.open({ ...options, path }),
      new RegExp(`Cannot (use|read) EXPORTER_STATE_FILE ${path}: E`),
    )
  }
})

t.test('the file stays small, no matter how much is stored', async t => {
  const compactAfterBytes = 20_000
  const { open, path, folder } = createSubject(t, { compactAfterBytes })
  const first = await open()
  let longest = 0
  for (const entry of batchesOf(500)) {
    await keepAll(first, [entry])
    longest = Math.max(longest, (await stat(path)).size)
  }
  t.ok(longest < 30_000, `${longest}`)
  await first.file.close()
  const { ledger } = await open()
  t.same(shownValues(ledger), shownValues(first.ledger))
  t.same(await readdir(folder), ['state'])
})

t.test('keep() retries a failed write until it succeeds', async t => {
  // Only compaction frees space, and a folder blocks its temporary file.
  const limits = { maxStateBytes: 3_000, compactAfterBytes: 1_000_000 }
  const { open, path, failed, of } = createSubject(t, limits)
  const opened = await open()
  await mkdir(`${path}.tmp`)
  let kept = 0
  const done = (async () => {
    for (const entry of batchesOf(30)) {
      await keepAll(opened, [entry])
      kept++
    }
  })()
  await failed()
  const keptThen = kept
  t.ok(keptThen < 30)
  t.equal(
    opened.ledger.boot?.seq,
    keptThen - 2,
    'nothing is applied before it is stored',
  )
  t.equal(of('cannot write state file').length, 1)
  await rmdir(`${path}.tmp`)
  await done
  t.equal(of('state file is written again').length, 1)
  await opened.file.close()
  t.equal((await open()).ledger.boot?.seq, 30)
})

t.test('close() rejects a write that is being retried', async t => {
  const { open, failed } = createSubject(t, {
    maxStateBytes: 1,
    stateRetryMs: 1e6,
  })
  const { file, ledger } = await open()
  const kept = file.keep({ kind: 'refused', reason: 'malformed' }, ledger)
  const gaveUp = t.rejects(kept, { name: 'AbortError' })
  await failed()
  await file.close()
  await gaveUp
  await file.close()
})

/** Everything exposed, sorted. */
function sorted(ledger: Ledger): string {
  return [...shownValues(ledger)]
    .map(([key, values]) => `${key} ${values.join(' ')}`)
    .sort()
    .join('\n')
}

function reread(ledger: Ledger): Ledger {
  const json = JSON.stringify(encodeLedger(ledger))
  return decodeLedger(JSON.parse(json), ledger.core)
}

t.test('decodeLedger() restores what encodeLedger() wrote', t => {
  fc.assert(
    fc.property(arbitrarySteps, steps => {
      const ledger = createLedger('test', 2)
      for (const entry of toEntries(steps)) applyEntry(ledger, entry)
      const read = reread(ledger)
      return (
        sorted(read) === sorted(ledger) &&
        read.ownStreams === ledger.ownStreams &&
        read.observed.current === ledger.observed.current
      )
    }),
  )
  t.end()
})

t.test('a ledger restored at any point continues like one never stored', t => {
  fc.assert(
    fc.property(arbitrarySteps, fc.nat(30), (steps, stop) => {
      const straight = createLedger('test', 2)
      let stopped = createLedger('test', 2)
      for (const [i, entry] of toEntries(steps).entries()) {
        applyEntry(straight, entry)
        applyEntry(stopped, entry)
        if (i === stop) stopped = reread(stopped)
      }
      return sorted(straight) === sorted(stopped)
    }),
    { numRuns: 500 },
  )
  t.end()
})
