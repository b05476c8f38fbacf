import { ViewerProcess } from './process.ts'
import type { ViewerStatus } from './status.ts'

/** A thread of Node handles about 10,000 packets a second. */
const MAX_VIEWERS_PER_PROCESS = 10

/** All viewers of a run, spread over the streams and over processes. */
export class Crowd {
  readonly #baseUrl: string
  readonly #streams: readonly string[]
  readonly #processes: ViewerProcess[] = []

  /**
   * @param baseUrl of the media process, without a trailing slash
   * @param streams at least one
   */
  constructor(baseUrl: string, streams: readonly string[]) {
    this.#baseUrl = baseUrl
    this.#streams = streams
  }

  get size(): number {
    return this.#processes.reduce((sum, { size }) => sum + size, 0)
  }

  /** One per viewer, in the order of opening. */
  get statuses(): readonly ViewerStatus[] {
    return this.#processes.flatMap(({ statuses }) => statuses)
  }

  /** Of the processes that run. */
  get pids(): readonly number[] {
    return this.#processes.flatMap(({ pid }) => pid ?? [])
  }

  /** Opens more viewers; `statuses` shows what becomes of them. */
  add(count: number): void {
    for (let rest = count; rest > 0;) {
      let last = this.#processes.at(-1)
      if (last === undefined || last.size >= MAX_VIEWERS_PER_PROCESS) {
        last = new ViewerProcess()
        this.#processes.push(last)
      }
      const room = Math.min(rest, MAX_VIEWERS_PER_PROCESS - last.size)
      const size = this.size
      last.open(Array.from({ length: room }, (_, i) => this.#seat(size + i)))
      rest -= room
    }
  }

  /** Closes all viewers; `statuses` then has the last of each. */
  async leave(): Promise<void> {
    await Promise.all(this.#processes.map(each => each.leave()))
  }

  #seat(index: number) {
    const stream = this.#streams[index % this.#streams.length] ?? ''
    const endpoint = `${this.#baseUrl}/api/v3/whep/${encodeURIComponent(stream)}`
    return { viewer: index + 1, stream, endpoint }
  }
}
