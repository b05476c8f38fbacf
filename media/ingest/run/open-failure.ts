import { readLog } from './ffmpeg-log.ts'

/** Errors of FFmpeg and of the operating system that are safe to publish. */
const REASON =
  /: ((?:Connection (?:refused|timed out|reset by peer)|No route to host|(?:Network|Host) is unreachable|Name or service not known|Temporary failure in name resolution|Invalid data found when processing input|No such (?:file or directory|device)|Device or resource busy|Permission denied|Operation not permitted|Protocol not found|Input\/output error|End of file|Unauthorized|Server returned (?:4\d\d|5XX|5\d\d)[\w (),]*))$/

/**
 * Returns FFmpeg's last reason for ending, in its own words, such as
 * `Connection refused`. Never text of its input, such as an address, because
 * viewers see it; undefined: it gave none that is known.
 */
export function openFailure(log: readonly string[]): string | undefined {
  return readLog(log)
    .filter(({ isError }) => isError)
    .map(({ text }) => REASON.exec(text)?.[1])
    .findLast(Boolean)
}
