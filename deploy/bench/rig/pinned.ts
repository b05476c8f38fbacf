import { Child } from '../../../shared/test/fixtures/child.ts'
import { tied } from '../../local/setup/death-signal.mjs'

/**
 * Starts a program on some CPUs; it ends with this process, however that ends.
 * @param cpus a list as taskset takes it
 */
export function startPinned(
  cpus: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Child {
  return new Child(tied(['taskset', '-c', cpus, ...command]), env)
}
