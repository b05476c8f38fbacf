/** What FFmpeg says with every frame, once there is a reason to. */
const WITH_EVERY_FRAME = [
  'Changing video frame properties on the fly is not supported',
  'Changing audio frame properties on the fly is not supported',
  ' filter context - ',
  'deprecated pixel format used',
  'Past duration ',
] as const

/** Keeps what is repeated with every frame out of a run's log. */
export class RepeatedLines {
  readonly #seen = new Set<string>()

  /** Whether the line is to be left out: one like it was there before. */
  has(line: string): boolean {
    const text = WITH_EVERY_FRAME.find(part => line.includes(part))
    if (text === undefined) return false
    if (this.#seen.has(text)) return true
    this.#seen.add(text)
    return false
  }
}
