/**
 * Where the relay thread starts. Run as a program, it only fills the compile
 * cache.
 */
import { parentPort } from 'node:worker_threads'

import { useCompileCache } from '../../../shared/runtime/compile-cache.ts'

useCompileCache()
const { serveRelays } = await import('./relay-server.ts')
if (parentPort !== null) serveRelays(parentPort)
