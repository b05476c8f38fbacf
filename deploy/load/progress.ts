import { sumUp } from './report.ts'
import type { ViewerStatus } from './viewers/status.ts'

const LINE_INTERVAL_MS = 5_000

/** Shows the state of the run on stderr every few seconds. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #totalMs: number
  #startMs = performance.now()
  #nextMs = 0

  constructor(stream: NodeJS.WriteStream, totalMs: number) {
    this.#stream = stream
    this.#totalMs = totalMs
  }

  /** Starts its clock. */
  start(): void {
    this.#startMs = performance.now()
    this.#nextMs = this.#startMs + LINE_INTERVAL_MS
  }

  /**
   * Shows a line, if the last one is old enough.
   * @param firstLine reads the first line of the dashboard
   */
  async show(
    statuses: readonly ViewerStatus[],
    firstLine: () => Promise<string>,
  ): Promise<void> {
    if (performance.now() < this.#nextMs) return
    this.#nextMs = performance.now() + LINE_INTERVAL_MS
    const line = await firstLine().catch(() => 'Prometheus does not respond')
    const { playing, packets, lost, longestGap } = sumUp(statuses)
    const time = clock(performance.now() - this.#startMs)
    this.#write(
      `${time} of ${clock(this.#totalMs)}  ` +
        `${playing} of ${statuses.length} viewers play, ` +
        `${packets} packets, ${lost} lost, ` +
        `longest gap ${longestGap.toFixed(1)} s  first line: ${line}`,
    )
  }

  /** Says what the run waits for. */
  say(text: string): void {
    this.#write(text)
  }

  /** Removes the line from a terminal. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K')
  }

  #write(text: string): void {
    this.#stream.write(this.#stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
  }
}

/** Minutes and seconds, such as 2:05. */
function clock(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const rest = String(seconds % 60).padStart(2, '0')
  return `${Math.floor(seconds / 60)}:${rest}`
}
