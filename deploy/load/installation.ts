import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Child } from '../local/run/child.ts'
import { findProgram, ROOT } from '../local/setup/checkout.mjs'
import type { Target } from './options.ts'

const START_TIMEOUT_MS = 60_000
const MEDIA_STOP_TIMEOUT_MS = 2_500
const STOP_TIMEOUT_MS = 1_000
/** Shorter than the bundle's, so that a short run has enough samples. */
const SCRAPE_INTERVAL = '2s'
const BUNDLE = join(ROOT, 'deploy', 'truenas', 'core')
const LOOPBACK = '127.0.0.1'
const ANY_PORT = `${LOOPBACK}:0`

/** The stream `demo`, the exporter, and a Prometheus with the bundle's rules. */
export interface Installation extends Target {
  readonly core: string
  /** Ends all processes and removes their files. Never rejects. */
  stop(): Promise<void>
}

/**
 * Starts the local installation on free ports of the loopback address. It takes
 * the settings of the media process from `env`.
 * @throws {Error} if a process does not start
 */
export async function startInstallation(
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Installation> {
  if (findProgram('prometheus', env) === undefined) {
    throw new Error(
      'Cannot start Prometheus: it is not on PATH; npm run load installs it',
    )
  }
  const dir = await mkdtemp(join(tmpdir(), 'dragonfork-load-'))
  const children: Child[] = []
  const stop = async () => {
    // The exporter stops after the media process, for its last metrics.
    for (const child of children.toReversed()) {
      const isMedia = child === children[1]
      await child.stop(isMedia ? MEDIA_STOP_TIMEOUT_MS : STOP_TIMEOUT_MS)
    }
    await rm(dir, { recursive: true, force: true })
  }
  const start = (...args: ConstructorParameters<typeof Child>) => {
    signal.throwIfAborted()
    const child = new Child(...args)
    children.push(child)
    return child
  }
  const core = env['CORE_ID'] ?? 'dragonfork-local'
  const shared = { ...env, CORE_ID: core, CORE_EXPORTER_TOKEN: '' }
  const node = process.execPath
  try {
    const exporter = start(
      [node, join(ROOT, 'exporter', 'main.ts')],
      { ...withoutExporter(shared), ...exporterSettings },
      ignore,
    )
    const ingest = await ready(exporter, exporter.listening('ingest'), signal)
    const metrics = await ready(exporter, exporter.listening('web'), signal)
    const media = start(
      [node, join(ROOT, 'media', 'main.ts')],
      {
        CORE_PROCESS_FILE: join(ROOT, 'deploy', 'local', 'demo.json'),
        CORE_WEBRTC_LISTEN_ADDRESSES: LOOPBACK,
        CORE_WEBRTC_ANNOUNCED_ADDRESSES: LOOPBACK,
        ...shared,
        CORE_ADDRESS: ANY_PORT,
        CORE_DB_DIR: join(dir, 'data'),
        CORE_EXPORTER_URL: `ws://${ingest}/ingest`,
      },
      ignore,
    )
    const web = await ready(media, media.listening('web'), signal)
    await configurePrometheus(dir, metrics)
    const listening = Promise.withResolvers<string>()
    const prometheus = start(prometheusIn(dir), shared, line => {
      const bound = /msg="Listening on" address=(\S+)/.exec(line)?.[1]
      if (bound !== undefined) listening.resolve(bound)
    })
    const address = await ready(prometheus, listening.promise, signal)
    return {
      url: `http://${web}${env['CORE_PUBLIC_BASE_PATH'] ?? ''}`,
      prometheus: `http://${address}`,
      core,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const exporterSettings = {
  EXPORTER_ADDRESS: ANY_PORT,
  EXPORTER_INGEST_ADDRESS: ANY_PORT,
}

function ignore(): void {
  // Child keeps the last lines.
}

/** Settings such as TLS would need others in Prometheus. */
function withoutExporter(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !name.startsWith('EXPORTER_'),
  )
  return Object.fromEntries(kept)
}

function prometheusIn(dir: string): [string, ...string[]] {
  return [
    'prometheus',
    `--config.file=${join(dir, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(dir, 'prometheus')}`,
    `--web.listen-address=${ANY_PORT}`,
    '--enable-feature=expand-external-labels',
  ]
}

/** Writes the bundle's configuration for the exporter at `metrics`. */
async function configurePrometheus(dir: string, metrics: string) {
  await mkdir(join(dir, 'rules'))
  await cp(join(BUNDLE, 'prom', 'rules'), join(dir, 'rules'), {
    recursive: true,
  })
  const text = await readFile(join(BUNDLE, 'prom', 'prometheus.yml'), 'utf8')
  const config = parse(text.replaceAll('exporter:9464', metrics)) as {
    readonly global: object
  }
  const global = {
    ...config.global,
    scrape_interval: SCRAPE_INTERVAL,
    scrape_timeout: SCRAPE_INTERVAL,
    evaluation_interval: SCRAPE_INTERVAL,
  }
  // JSON is YAML.
  const file = join(dir, 'prometheus.yml')
  await writeFile(file, JSON.stringify({ ...config, global }))
}

/** Waits for `value`, but not for a process that ended or hangs. */
async function ready<Value>(
  child: Child,
  value: Promise<Value>,
  signal: AbortSignal,
): Promise<Value> {
  const failed = Promise.withResolvers<never>()
  const fail = (how: string) => {
    failed.reject(
      new Error(`Cannot start: a process ${how}.\n${child.lastLines}`),
    )
  }
  const abort = () => {
    failed.reject(new Error('Interrupted'))
  }
  const timer = setTimeout(() => {
    fail(`did not start within ${START_TIMEOUT_MS / 1000} s`)
  }, START_TIMEOUT_MS)
  signal.addEventListener('abort', abort)
  void child.ended.then(fail)
  try {
    return await Promise.race([value, failed.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    failed.promise.catch(() => undefined)
  }
}
