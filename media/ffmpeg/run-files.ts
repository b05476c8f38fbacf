import { randomUUID } from 'node:crypto'
import {
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'

import type { Log } from '../../shared/log.ts'
import { identify, parseIdentity, type ProcessIdentity } from './identity.ts'
import { endLeftovers, type Leftover } from './leftovers.ts'

/** The variable by which a child can be told from all other processes. */
export const RUN_VARIABLE = 'DRAGONFORK_RUN'

/** One run of a child, written down for as long as it lasts. */
export interface RunFile {
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>
  /** The child was spawned as `pid`. */
  started(pid: number): Promise<void>
  /** The child is gone. */
  ended(): Promise<void>
}

const FILE = /^([0-9a-f-]{36})\.json$/
const DRAFT = '.tmp'

/**
 * Which children run, written down in a folder, so that the next start finds
 * and ends what a killed media process left behind. A file exists before its
 * child does: its name is a random id that the child carries in its
 * environment, so there is no moment at which a child is not accounted for.
 */
export class RunFiles {
  readonly #dir: string
  readonly #log: Log
  readonly #owner: ProcessIdentity | undefined

  private constructor(dir: string, log: Log, owner?: ProcessIdentity) {
    this.#dir = dir
    this.#log = log
    this.#owner = owner
  }

  /**
   * Uses `dir`, made where it is missing.
   * @param ownPid the process that the children belong to
   */
  static async open(dir: string, log: Log, ownPid: number): Promise<RunFiles> {
    await mkdir(dir, { recursive: true })
    return new RunFiles(dir, log, identify(ownPid))
  }

  /**
   * Ends the children of media processes that are no more; gives how many.
   * Never ends a process for its name or its pid alone.
   */
  async sweep(): Promise<number> {
    const names = new Set(await readdir(this.#dir))
    const leftovers: Leftover[] = []
    for (const name of names) {
      const run = FILE.exec(name)?.[1]
      if (run !== undefined) leftovers.push(await this.#read(run))
      // It was to be written when we were killed: there is no child yet.
      else if (
        name.endsWith(DRAFT) &&
        !names.has(name.slice(0, -DRAFT.length))
      ) {
        await rm(join(this.#dir, name), { force: true })
      }
    }
    const { ended, gone } = await endLeftovers(leftovers, RUN_VARIABLE)
    for (const { run } of gone) {
      await rm(this.#path(run), { force: true })
      await rm(`${this.#path(run)}${DRAFT}`, { force: true })
    }
    if (ended.length > 0) {
      this.#log.warn('ended FFmpeg processes of a former media process', {
        pids: ended,
      })
    }
    const left = leftovers.length - gone.length
    if (left > 0) {
      this.#log.warn('FFmpeg processes of another media process are kept', {
        count: left,
      })
    }
    return ended.length
  }

  /** Writes a run down, before its child is spawned. */
  async begin(processId: string): Promise<RunFile> {
    const run = randomUUID()
    const facts = { process: processId, owner: this.#owner }
    await this.#write(run, facts)
    return {
      env: { [RUN_VARIABLE]: run },
      started: async pid => {
        await this.#write(run, { ...facts, child: identify(pid) })
      },
      ended: async () => {
        await rm(this.#path(run), { force: true }).catch((error: unknown) => {
          this.#log.warn('cannot remove the file of a run', { run, error })
        })
      },
    }
  }

  #path(run: string): string {
    return join(this.#dir, `${run}.json`)
  }

  async #write(run: string, facts: object): Promise<void> {
    const path = this.#path(run)
    try {
      await writeFile(`${path}${DRAFT}`, JSON.stringify(facts))
      await rename(`${path}${DRAFT}`, path)
    } catch (error) {
      // A full disk must not stop a stream: it is worth more than the note.
      this.#log.warn('cannot write down a run of FFmpeg', { run, error })
    }
  }

  async #read(run: string): Promise<Leftover> {
    try {
      const facts: unknown = JSON.parse(await readFile(this.#path(run), 'utf8'))
      if (typeof facts !== 'object' || facts === null) return { run }
      const owner = 'owner' in facts ? parseIdentity(facts.owner) : undefined
      const child = 'child' in facts ? parseIdentity(facts.child) : undefined
      return { run, ...(owner && { owner }), ...(child && { child }) }
    } catch {
      return { run }
    }
  }
}
