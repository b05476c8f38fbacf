import { reasonOf } from '../../shared/runtime/errors.ts'

/** One thing to verify. */
export interface Check {
  readonly title: string
  /** Resolves to what was found; rejects with an Error that says what failed. */
  readonly run: () => Promise<string>
}

/**
 * Runs the checks one after the other and prints a line for each.
 * @returns the number of failed checks
 */
export async function runChecks(
  checks: readonly Check[],
  print: (line: string) => void,
): Promise<number> {
  let failed = 0
  for (const { title, run } of checks) {
    try {
      print(`ok    ${title}: ${await run()}`)
    } catch (error) {
      failed += 1
      print(`FAIL  ${title}: ${reasonOf(error)}`)
    }
  }
  print(
    failed === 0
      ? `All ${checks.length} checks passed`
      : `${failed} of ${checks.length} checks failed`,
  )
  return failed
}
