import { readFileSync } from 'node:fs'
import type { SettingsSource } from './settings.ts'

/** The parts of the operating system that a program needs. */
export interface Host {
  /** Arguments after the script's name. */
  readonly args: readonly string[]
  readonly source: SettingsSource
  readonly write: (text: string) => void
  readonly now: () => Date
  /**
   * Resolves with the first signal that requests the end. Once `unwanted`
   * aborts, a signal ends the process at once.
   */
  readonly terminated: (unwanted?: AbortSignal) => Promise<string>
}

/** The operating system of this process. */
export const host: Host = {
  args: process.argv.slice(2),
  source: {
    env: process.env,
    readFile: path => readFileSync(path, 'utf8'),
  },
  write: text => process.stdout.write(text),
  now: () => new Date(),
  terminated: unwanted =>
    new Promise(resolve => {
      process.once('SIGINT', resolve)
      process.once('SIGTERM', resolve)
      unwanted?.addEventListener('abort', () => {
        process.off('SIGINT', resolve)
        process.off('SIGTERM', resolve)
      })
    }),
}
