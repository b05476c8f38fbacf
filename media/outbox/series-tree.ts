import type { LabelName } from '../../shared/catalogue.ts'

/** A level for each label; a leaf has no Map. */
interface Branch<Leaf> {
  next: Map<unknown, Branch<Leaf>> | undefined
  leaf: Leaf | undefined
}

/** What there is for each set of label values of one family. */
export class SeriesTree<Leaf> {
  readonly #labels: readonly LabelName[]
  readonly #root: Branch<Leaf> = { next: undefined, leaf: undefined }

  constructor(labels: readonly LabelName[]) {
    this.#labels = labels
  }

  /** Looks the values up as they are given: text or not, known or not. */
  find(given: Readonly<Partial<Record<LabelName, unknown>>>): Leaf | undefined {
    let branch: Branch<Leaf> | undefined = this.#root
    for (const label of this.#labels) {
      branch = branch.next?.get(given[label])
      if (branch === undefined) return undefined
    }
    return branch.leaf
  }

  /** @param values in the order of the family's labels */
  put(values: readonly string[], leaf: Leaf): void {
    let branch = this.#root
    for (const value of values) branch = grow(branch, value)
    branch.leaf = leaf
  }

  /** @param values in the order of the family's labels */
  drop(values: readonly string[]): void {
    prune(this.#root, values)
  }
}

function grow<Leaf>(branch: Branch<Leaf>, value: string): Branch<Leaf> {
  branch.next ??= new Map()
  const next = branch.next.get(value) ?? { next: undefined, leaf: undefined }
  branch.next.set(value, next)
  return next
}

/** Takes the leaf at the path away, and the branches that it leaves empty. */
function prune<Leaf>(
  branch: Branch<Leaf>,
  [value, ...rest]: readonly string[],
): void {
  const next = branch.next?.get(value)
  if (next === undefined) return
  prune(next, rest)
  if (rest.length === 0 || next.next?.size === 0) branch.next?.delete(value)
}
