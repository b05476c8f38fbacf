import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Heap in use after a garbage collection. */
export function heapBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
