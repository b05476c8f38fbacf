/** Memory of one page. */
export interface PageBytes {
  readonly bytes: Buffer
  /**
   * Lets another page use the memory. Call it once `bytes` have been sent;
   * without it they are garbage like any others. Idempotent.
   */
  readonly release: () => void
}

/** Growth of a page that needs no new memory. */
const HEADROOM = 1.1

/**
 * Gives pages their memory, and keeps that of the last one that was released.
 * With new memory for each page, the garbage collector takes a quarter of the
 * CPU of a small scrape.
 */
export class PageMemory {
  #spare = Buffer.alloc(0)

  /** Returns `length` bytes of any content. */
  take(length: number): PageBytes {
    const memory =
      this.#spare.length >= length
        ? this.#spare
        : Buffer.allocUnsafeSlow(Math.ceil(HEADROOM * length))
    this.#spare = Buffer.alloc(0)
    let isHeld = true
    return {
      bytes: memory.subarray(0, length),
      release: () => {
        if (isHeld) this.#spare = memory
        isHeld = false
      },
    }
  }
}
