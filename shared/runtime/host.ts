import { readFileSync } from 'node:fs'
import type { SettingsSource } from './settings.ts'

/** The operating system, as far as a program needs it here. */
export interface Host {
  /** Arguments after the script's name. */
  readonly args: readonly string[]
  readonly source: SettingsSource
  readonly write: (text: string) => void
  readonly now: () => Date
  /** Settles with the name of the first signal that asks for the end. */
  readonly asked: () => Promise<string>
}

/** The one that this process runs on. */
export const host: Host = {
  args: process.argv.slice(2),
  source: {
    env: process.env,
    readFile: path => readFileSync(path, 'utf8'),
  },
  write: text => process.stdout.write(text),
  now: () => new Date(),
  asked: () =>
    new Promise(resolve => {
      process.once('SIGINT', resolve)
      process.once('SIGTERM', resolve)
    }),
}
