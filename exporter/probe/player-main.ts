/**
 * The process that plays streams for the exporter: a crash or hang of the
 * native WebRTC library then neither ends the exporter nor delays a scrape.
 * Run as a program, it only loads the library and fills the compile cache.
 */
import { useCompileCache } from '../../shared/runtime/compile-cache.ts'

useCompileCache()
const { servePlays } = await import('./player.ts')
servePlays()
