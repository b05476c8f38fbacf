/**
 * One run of FFmpeg in GET /api/v3/process/{id}/report; times are Unix seconds.
 *
 * @typedef {object} Run
 * @property {number} created_at
 * @property {readonly string[]} prelude the log up to the first progress
 * @property {readonly (readonly [string, string])[]} log the last lines: Unix
 *   seconds as text, then the line
 * @property {number} [exited_at]
 * @property {'finished' | 'failed' | 'killed'} [exit_state]
 *
 * @typedef {Run & { history: readonly Run[] }} Report `history`: earlier runs,
 *   oldest first
 *
 * @typedef {{ at: number | undefined, line: string }} LogLine `at`: Unix
 *   seconds, if known
 *
 * @typedef {{ at: number, how: string, line: string }} Ending
 */

/**
 * The last lines of FFmpeg, across its last runs.
 *
 * @param {Report} report
 * @param {number} max number of lines
 * @returns {LogLine[]}
 */
export function lastLines(report, max) {
  return [...report.history, report].flatMap(linesOf).slice(-max)
}

/**
 * The ends of the last runs, newest first, each with the last line of its log.
 *
 * @param {Report} report
 * @returns {Ending[]}
 */
export function endings(report) {
  return [...report.history, report]
    .flatMap(({ exited_at: at, exit_state: how, log }) =>
      at === undefined || how === undefined
        ? []
        : [{ at, how, line: log.at(-1)?.[1] ?? '' }],
    )
    .toReversed()
}

/**
 * The prelude of a run up to where its log begins, then the log.
 *
 * @param {Run} run
 * @returns {LogLine[]}
 */
function linesOf({ prelude, log }) {
  const lines = log.map(([, line]) => line)
  const start = prelude.findIndex((_, at) =>
    prelude.slice(at).every((line, offset) => line === lines[offset]),
  )
  const before = start === -1 ? prelude : prelude.slice(0, start)
  return [
    ...before.map(line => ({ at: undefined, line })),
    ...log.map(([at, line]) => ({ at: Number(at), line })),
  ]
}
