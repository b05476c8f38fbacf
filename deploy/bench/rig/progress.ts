/** Shows what is being measured, in a line of the terminal that is replaced. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
