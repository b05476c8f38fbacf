import type { StreamId } from '../../shared/protocol/ids.ts'
import type { StreamStatus } from './status.ts'

/** When the streams last changed as an operator sees it. */
export class StateTimes {
  readonly #last = new Map<
    StreamId,
    { readonly seen: string; readonly atMs: number }
  >()

  /**
   * Notes the present state. Call it after every change.
   * @param nowMs milliseconds since 1970
   */
  note({ id, state, degraded }: StreamStatus, nowMs: number): void {
    const seen = `${state} ${String(degraded)}`
    if (this.#last.get(id)?.seen === seen) return
    this.#last.set(id, { seen, atMs: nowMs })
  }

  /** When `state` or `degraded` last changed, in milliseconds since 1970. */
  changedAtMs(id: StreamId): number | undefined {
    return this.#last.get(id)?.atMs
  }

  forget(id: StreamId): void {
    this.#last.delete(id)
  }
}
