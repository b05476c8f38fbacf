import { spreadText, type Spread } from '../rig/stats.ts'

/** A measurement relative to another that was made beside it. */
export interface Result {
  /** Identifies it, also in the baseline. */
  readonly name: string
  readonly ratio: Spread
  /** The medians in absolute terms, which depend on the machine. */
  readonly detail: string
}

/** One line: the ratio with its range, then the absolute values. */
export function resultText({ name, ratio, detail }: Result): string {
  return `  ${name.padEnd(32)} ${spreadText(ratio).padEnd(20)} ${detail}`
}
