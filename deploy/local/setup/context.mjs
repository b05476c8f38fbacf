/**
 * What every step of the set-up works with.
 *
 * @typedef {object} Context
 * @property {NodeJS.ProcessEnv} env
 * @property {import('./report.mjs').Report} report
 * @property {AbortSignal} [signal] aborted when the user ends the set-up
 */

/**
 * The set-up cannot continue for a reason that the user can fix. Printed
 * without a stack trace.
 */
export class SetupError extends Error {
  /** @override */
  name = 'SetupError'
}
