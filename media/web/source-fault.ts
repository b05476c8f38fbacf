/** Why a source cannot be opened; nothing that reveals its address. */
export type SourceFault = 'no-answer' | 'login' | 'not-found'

/** What FFmpeg logs, in all supported versions; the first match counts. */
const CLUES: readonly (readonly [RegExp, SourceFault])[] = [
  [
    /\b(?:401|403)\b.*(?:Unauthorized|Forbidden|authorization|denied)/i,
    'login',
  ],
  [/: No such file or directory$|\b404\b.*Not Found/i, 'not-found'],
  [
    /Connection (?:timed out|refused|to \S+ failed)|No route to host|(?:Network|Host) is unreachable|Failed to resolve hostname/i,
    'no-answer',
  ],
]

/** FFmpeg has opened an input. */
const OPENED = /^(?:\[[^\]]*\] )*Input #\d+/

/** The last run of a stream's FFmpeg. */
export interface SourceRun {
  /** The log of the run up to its first progress. */
  readonly lines: readonly string[]
  /** FFmpeg runs, without an end so far. */
  readonly running: boolean
}

/**
 * Returns why the source of a failed stream cannot be opened; undefined: it was
 * opened, or the log does not say.
 */
export function sourceFault({
  lines,
  running,
}: SourceRun): SourceFault | undefined {
  if (lines.some(line => OPENED.test(line))) return undefined
  for (const [clue, fault] of CLUES) {
    if (lines.some(line => clue.test(line))) return fault
  }
  // It has waited for the input ever since it started.
  return running ? 'no-answer' : undefined
}
