import { isJsonObject } from '../../shared/protocol/fields.ts'

/**
 * `base` with the fields of `patch`: objects are merged, all else is
 * replaced, and null changes nothing. So does Go's decoder, which upstream
 * runs on the current configuration to update it.
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
