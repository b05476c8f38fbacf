import { basename, dirname, join } from 'node:path'

import { repeatAfterInput } from '../../shared/runtime/clock.ts'
import { resolveBinary } from './binary.ts'
import { PROGRESS_FD, startChild } from './child.ts'
import { killedWithParent } from './death-signal.ts'
import { maskOf } from './mask.ts'
import { readMemoryBytes } from './proc.ts'

export interface FfprobeOptions {
  /** FFmpeg, by name or path; ffprobe is in the same folder. */
  readonly ffmpegBinary: string
  /** PATH to look it up in. */
  readonly searchPath: string
  /** What to show and of which input; without an output. */
  readonly args: readonly string[]
  /** Kills it. */
  readonly signal: AbortSignal
}

export interface FfprobeResult {
  /** Lines; incomplete if it was killed. */
  readonly output: readonly string[]
  /** Its last messages, secrets masked. */
  readonly log: readonly string[]
}

const MAX_LOG_LINES = 100
/** A run with more output or more messages is killed. */
const MAX_CHARS = 2 * 1024 * 1024
const MAX_MEMORY_BYTES = 512 * 1024 * 1024
const MEMORY_SAMPLE_MS = 250

/**
 * Runs ffprobe once, with bounds for its output and memory.
 * @throws {Error} if it cannot be started
 */
export async function runFfprobe(
  options: FfprobeOptions,
): Promise<FfprobeResult> {
  const { searchPath, signal } = options
  const args = [
    ...['-hide_banner', '-loglevel', 'info'],
    ...['-o', `pipe:${PROGRESS_FD}`],
    ...options.args,
  ]
  const binary = await findFfprobe(options)
  const command = await killedWithParent({ binary, args }, searchPath)
  const mask = maskOf(args)
  const output: string[] = []
  const log: string[] = []
  const note = (line: string) => {
    log.push(line)
    if (log.length > MAX_LOG_LINES) log.shift()
  }
  const kill = (reason?: string) => {
    if (killed) return
    killed = true
    child.signal('SIGKILL')
    if (reason !== undefined) note(reason)
  }
  let killed = false
  let chars = 0
  const count = (line: string) => {
    chars += line.length
    if (chars > MAX_CHARS) kill('ffprobe was killed: too much output')
    return !killed
  }
  signal.throwIfAborted()
  const child = startChild({
    ...command,
    onLine: line => {
      if (count(line)) note(mask.text(line))
    },
    onProgressLine: line => {
      if (count(line)) output.push(line)
    },
  })
  const abort = () => {
    kill()
  }
  signal.addEventListener('abort', abort, { once: true })
  const stopSampling = repeatAfterInput(MEMORY_SAMPLE_MS, () => {
    const bytes = child.pid === undefined ? 0 : readMemoryBytes(child.pid)
    if ((bytes ?? 0) > MAX_MEMORY_BYTES) {
      kill('ffprobe was killed: too much memory')
    }
  })
  try {
    await child.started
    const exit = await child.exited
    if (exit.signal !== null && !killed) {
      note(`ffprobe was killed by ${exit.signal}`)
    }
  } finally {
    stopSampling()
    signal.removeEventListener('abort', abort)
  }
  return { output, log }
}

/** @throws {Error} that names the path */
async function findFfprobe({
  ffmpegBinary,
  searchPath,
}: FfprobeOptions): Promise<string> {
  const ffmpeg = await resolveBinary(ffmpegBinary, searchPath)
  // Such as ffmpeg7 and ffprobe7.
  const name = basename(ffmpeg).replace('ffmpeg', 'ffprobe')
  const path = join(
    dirname(ffmpeg),
    name.includes('ffprobe') ? name : 'ffprobe',
  )
  return await resolveBinary(path, searchPath).catch(() => {
    throw new Error(
      `Cannot probe: ${path} is not an executable file; install ffprobe there`,
    )
  })
}
