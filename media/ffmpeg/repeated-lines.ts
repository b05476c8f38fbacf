/** Parts of lines that FFmpeg may log for every frame. */
const PER_FRAME = [
  'Changing video frame properties on the fly is not supported',
  'Changing audio frame properties on the fly is not supported',
  ' filter context - ',
  'deprecated pixel format used',
  'Past duration ',
] as const

/** Keeps lines that FFmpeg repeats for every frame out of a run's log. */
export class RepeatedLines {
  readonly #seen = new Set<string>()

  /** Whether a line like this one was there before. */
  has(line: string): boolean {
    const text = PER_FRAME.find(part => line.includes(part))
    if (text === undefined) return false
    if (this.#seen.has(text)) return true
    this.#seen.add(text)
    return false
  }
}
