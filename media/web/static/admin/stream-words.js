import { counted, duration, megabytes, outOf } from './units.js'

/** A shorter pause between packets is usual for a slow source. */
const SILENT_MS = 2_000

/**
 * @typedef {import('./overview.js').Leg} Leg
 *
 * @typedef {import('./overview.js').Job} Job
 *
 * @typedef {import('./overview.js').Overview} Overview
 *
 * @typedef {import('./overview.js').Drain} Drain
 */

/**
 * A leg in words, such as "video h264, 312 packets/s".
 *
 * @param {string} kind
 * @param {Leg} leg
 */
export function legWords(kind, leg) {
  const { state, codec, cause, silent_ms: silentMs } = leg
  const rate = leg.packets_per_second ?? null
  const words = [`${kind} ${codec}`]
  if (state === 'failed') words.push(`failed${cause ? ` (${cause})` : ''}`)
  else if (state !== 'live') words.push(state)
  else if (rate !== null) words.push(`${Math.round(rate)} packets/s`)
  const isSilent = silentMs !== null && silentMs > SILENT_MS
  if (isSilent && (state === 'live' || state === 'failed')) {
    words.push(`silent for ${duration(silentMs / 1000)}`)
  }
  return words.join(', ')
}

/**
 * Speed, CPU and memory of an FFmpeg, such as "1.01×, 12 % CPU, 45 MB".
 *
 * @param {Job | null} job null: the stream has an external sender
 */
export function jobWords(job) {
  if (job === null) return 'external sender'
  const { exec, speed, cpu_percent: cpu, memory_bytes: bytes } = job
  if (exec !== 'running') return exec
  const words = [
    speed === null ? '' : `${speed.toFixed(2)}×`,
    cpu === null ? '' : `${Math.round(cpu)} % CPU`,
    bytes === null ? '' : megabytes(bytes),
  ].filter(Boolean)
  return words.length === 0 ? exec : words.join(', ')
}

/**
 * The state of the whole server, one entry per subject.
 *
 * @param {Overview} overview
 * @returns {readonly { words: string, bad: boolean }[]}
 */
export function boxWords(overview) {
  const { viewers, viewers_max: max, ports, core, time, drain } = overview
  const full = max !== null && viewers >= max
  return [
    ...(drain.draining ? [{ words: drainWords(drain, time), bad: false }] : []),
    { words: `${outOf(viewers, max)} viewers`, bad: full },
    {
      words: `${outOf(ports.in_use, ports.total)} ports in use`,
      bad: ports.in_use >= ports.total,
    },
    workerWords(overview.workers),
    exporterWords(overview.exporter, time),
    {
      words: `version ${core.version}, up ${duration(overview.uptime_seconds)}`,
      bad: false,
    },
  ]
}

/**
 * A drain in words, such as "draining for 12 s, 3 viewers left, disconnected in
 * 48 s".
 *
 * @param {Drain} drain
 * @param {number} time Unix seconds of the server
 * @returns {string} '' if it does not drain
 */
export function drainWords(drain, time) {
  const { draining, since, viewers_left: left, ends_at: endsAt } = drain
  if (!draining) return ''
  const words = [
    `draining${since === null ? '' : ` for ${duration(time - since)}`}`,
    `${counted(left, 'viewer')} left`,
  ]
  if (endsAt !== null && left > 0) {
    words.push(`disconnected in ${duration(endsAt - time)}`)
  }
  return words.join(', ')
}

/** @param {Overview['workers']} workers */
function workerWords(workers) {
  const broken = workers.filter(({ state }) => state !== 'running')
  const noun = workers.length === 1 ? 'media worker' : 'media workers'
  const [first] = broken
  if (first === undefined) {
    const bad = workers.length === 0
    return { words: `${workers.length} ${noun}`, bad }
  }
  const words = `${broken.length} of ${workers.length} ${noun} ${first.state}`
  return { words, bad: true }
}

/**
 * @param {Overview['exporter']} exporter
 * @param {number} time Unix seconds of the server
 */
function exporterWords({ connected, since }, time) {
  if (connected) return { words: 'exporter connected', bad: false }
  const age = since === null ? '' : ` for ${duration(time - since)}`
  return { words: `exporter not connected${age}`, bad: true }
}
