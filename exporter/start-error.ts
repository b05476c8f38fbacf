/** Why the process cannot start although its settings are well-formed. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
