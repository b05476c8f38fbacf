/**
 * What every step of the set-up works with.
 *
 * @typedef {object} Context
 * @property {NodeJS.ProcessEnv} env
 * @property {import('./report.mjs').Report} report
 * @property {AbortSignal} [signal] the user has had enough
 */

export {}
