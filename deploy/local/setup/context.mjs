/**
 * What every step of the set-up works with.
 *
 * @typedef {object} Context
 * @property {NodeJS.ProcessEnv} env
 * @property {import('./report.mjs').Report} report
 * @property {AbortSignal} [signal] aborted when the user ends the set-up
 */

/**
 * The set-up cannot go on, for a reason that the user can act on: the message
 * is all they need, without a stack trace.
 */
export class SetupError extends Error {
  /** @override */
  name = 'SetupError'
}
