import { reasonOf } from '../../shared/runtime/errors.ts'

/** One thing to verify. */
export interface Check {
  readonly title: string
  /** Gives what it found; throws an Error that says what is wrong. */
  readonly run: () => Promise<string>
}

/**
 * Runs the checks one after the other, and tells of each in a line.
 * @returns how many failed
 */
export async function runChecks(
  checks: readonly Check[],
  say: (line: string) => void,
): Promise<number> {
  let failed = 0
  for (const { title, run } of checks) {
    try {
      say(`ok    ${title}: ${await run()}`)
    } catch (error) {
      failed += 1
      const reason = reasonOf(error)
      say(`FAIL  ${title}: ${reason}`)
    }
  }
  say(
    failed === 0
      ? `All ${checks.length} checks passed`
      : `${failed} of ${checks.length} checks failed`,
  )
  return failed
}
