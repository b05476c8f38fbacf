import { isJsonObject } from '../../shared/protocol/fields.ts'

/**
 * Merges `patch` into `base`: objects are merged, anything else is replaced,
 * and null changes nothing. Go's decoder does the same, and upstream updates a
 * configuration by decoding into it.
 */
export function mergeJson(base: unknown, patch: unknown): unknown {
  if (patch === undefined || patch === null) return base
  if (!isJsonObject(base) || !isJsonObject(patch)) return patch
  const keys = new Set([...Object.keys(base), ...Object.keys(patch)])
  return Object.fromEntries(
    [...keys].map(key => [key, mergeJson(own(base, key), own(patch, key))]),
  )
}

function own(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
