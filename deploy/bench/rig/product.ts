import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import type { Child } from '../../../shared/test/fixtures/child.ts'
import type { PortRange } from '../../../shared/test/fixtures/ports.ts'
import { waitFor } from '../../../shared/test/fixtures/wait-for.ts'
import { listening } from '../../test/fixtures/stack.ts'
import { startPinned } from './pinned.ts'
import { childrenOf, cpuNs, nameOf } from './process-cpu.ts'

export interface ProductOptions {
  /** The checkout to measure, with its packages installed. */
  readonly checkout: string
  /** The CPUs to run on, as taskset takes them. */
  readonly cpus: string
  readonly udpPorts: PortRange
  /** The `webrtc` of the one stream. */
  readonly webrtc: object
  /** The command that stands in for FFmpeg; FFmpeg's arguments follow. */
  readonly ffmpeg: readonly string[]
}

/** CPU time so far, nanoseconds. */
export interface ProductCpu {
  readonly node: number
  readonly worker: number
}

const STREAM = 'bench'

/** Both processes of a checkout with one stream, used over HTTP alone. */
export class Product {
  readonly #children: readonly Child[]
  readonly #dir: string
  readonly #media: Child
  readonly #workerPid: number
  readonly url: string

  private constructor(
    children: readonly Child[],
    dir: string,
    media: Child,
    workerPid: number,
    url: string,
  ) {
    this.#children = children
    this.#dir = dir
    this.#media = media
    this.#workerPid = workerPid
    this.url = url
  }

  static async start(options: ProductOptions): Promise<Product> {
    const dir = await mkdtemp(join(tmpdir(), 'dragonfork-bench-'))
    const children: Child[] = []
    try {
      const exporter = startServer(options, 'exporter/main.ts', {
        EXPORTER_ADDRESS: '127.0.0.1:0',
        EXPORTER_INGEST_ADDRESS: '127.0.0.1:0',
      })
      children.push(exporter)
      const ingest = await listening(exporter, 'ingest')
      const media = startServer(options, 'media/main.ts', {
        ...(await writeFiles(dir, options)),
        CORE_ADDRESS: '127.0.0.1:0',
        CORE_DB_DIR: join(dir, 'data'),
        CORE_EXPORTER_URL: `ws://127.0.0.1:${ingest}/ingest`,
        CORE_WEBRTC_LISTEN_ADDRESSES: '127.0.0.1',
        CORE_WEBRTC_ANNOUNCED_ADDRESSES: '127.0.0.1',
        CORE_WEBRTC_UDP_MIN_PORT: String(options.udpPorts.min),
        CORE_WEBRTC_UDP_MAX_PORT: String(options.udpPorts.max),
        CORE_WEBRTC_MAX_PEERS_TOTAL: '0',
        CORE_WEBRTC_MAX_PEERS_PER_STREAM: '0',
        CORE_WEBRTC_WORKERS: '1',
      })
      children.push(media)
      const url = `http://127.0.0.1:${await listening(media, 'web')}`
      const isWorker = (pid: number) => nameOf(pid).startsWith('mediasoup')
      const worker = childrenOf(media.pid).find(isWorker)
      if (worker === undefined)
        throw new Error('The media process has no worker')
      return new Product(children, dir, media, worker, url)
    } catch (error) {
      await stopAll(children, dir)
      throw error
    }
  }

  get endpoint(): string {
    return `${this.url}/api/v3/whep/${STREAM}`
  }

  get cpu(): ProductCpu {
    return { node: cpuNs(this.#media.pid), worker: cpuNs(this.#workerPid) }
  }

  /** Waits until the stream can be viewed. */
  async isLive(): Promise<void> {
    await waitFor(async () => {
      const { body } = await request(`${this.url}/api/v3/webrtc/streams`)
      const streams = (await body.json()) as readonly { state: string }[]
      return (
        streams.every(({ state }) => state === 'live') && streams.length > 0
      )
    }, 'the stream to be live')
  }

  async stop(): Promise<void> {
    await stopAll(this.#children, this.#dir)
  }
}

function startServer(
  { checkout, cpus }: ProductOptions,
  script: string,
  env: Readonly<Record<string, string>>,
): Child {
  const { PATH, HOME, XDG_CACHE_HOME, MEDIASOUP_WORKER_BIN } = process.env
  return startPinned(cpus, [process.execPath, join(checkout, script)], {
    ...{ PATH, HOME, XDG_CACHE_HOME, MEDIASOUP_WORKER_BIN },
    CORE_ID: STREAM,
    ...env,
  })
}

/** Writes the process list and the program that stands in for FFmpeg. */
async function writeFiles(dir: string, { webrtc, ffmpeg }: ProductOptions) {
  const isManaged = !('ingest' in webrtc)
  const processFile = join(dir, 'processes.json')
  const input = isManaged ? [{ id: 'in', address: 'none', options: [] }] : []
  const one = { id: STREAM, input, output: [], webrtc }
  await writeFile(processFile, JSON.stringify([one]))
  const binary = join(dir, 'ffmpeg')
  const words = ffmpeg.map(word => `'${word}'`).join(' ')
  await writeFile(binary, `#!/bin/sh\nexec ${words} "$@"\n`)
  await chmod(binary, 0o755)
  return { CORE_PROCESS_FILE: processFile, CORE_FFMPEG_BINARY: binary }
}

async function stopAll(children: readonly Child[], dir: string): Promise<void> {
  for (const child of children.toReversed()) await child.end()
  await rm(dir, { recursive: true, force: true })
}
