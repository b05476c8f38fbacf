/**
 * The process that plays streams for the exporter: a crash or hang of the
 * native WebRTC library then cannot end the exporter or delay a scrape.
 * Run as a program, it only loads the library and fills the compile cache.
 */
import { getPriority, setPriority } from 'node:os'
import { useCompileCache } from '../../shared/runtime/compile-cache.ts'

/** Scrapes and viewers come first, also on a busy machine. */
const NICENESS = 5

// Only the superuser can decrease it.
setPriority(Math.max(NICENESS, getPriority()))
useCompileCache()
const { servePlays } = await import('./player.ts')
servePlays()
