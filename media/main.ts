/**
 * The media process: RTP from FFmpeg in, WHEP and SRTP out.
 *
 *     node media/main.ts [--help | --version | --check-config]
 *
 * Exit codes: 0 stopped on request, 1 failed, 2 bad settings.
 */
import { useCompileCache } from '../shared/runtime/compile-cache.ts'

useCompileCache()
const { run } = await import('./program.ts')
process.exitCode = await run()
