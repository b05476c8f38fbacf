import type { Totals } from './totals.ts'
import type { Findings, Verdict } from './verdict.ts'
import { plays, type ViewerStatus } from './viewers/status.ts'

const MAX_FAULTS = 20

/** The viewers taken together. */
export function sumUp(statuses: readonly ViewerStatus[]) {
  const sum = (of: (status: ViewerStatus) => number) =>
    statuses.reduce((total, status) => total + of(status), 0)
  return {
    playing: statuses.filter(plays).length,
    packets: sum(({ counts }) => counts.video.packets + counts.audio.packets),
    video: sum(({ counts }) => counts.video.packets),
    audio: sum(({ counts }) => counts.audio.packets),
    lost: sum(({ counts }) => counts.video.lost + counts.audio.lost),
    longestGap: Math.max(0, ...statuses.map(each => each.longestGap.seconds)),
  }
}

/** Returns the report of a run, several lines. */
export function report(findings: Findings, verdict: Verdict): string {
  const { statuses, seconds, url, streams } = findings
  const minutes = (seconds / 60).toFixed(1)
  const sections = [
    [
      `${viewersText(statuses.length)} for ${minutes} minutes at ${url}, ` +
        `streams: ${streams.join(', ')}`,
    ],
    rampLines(findings),
    ['What the viewers counted', ...viewerLines(findings, verdict)],
    [
      'What Prometheus has, by the queries of the dashboard',
      ...productLines(findings),
    ],
    ['CPU (percent of one core) and memory at most', ...usageLines(findings)],
    comparisonLines(findings, verdict),
    [verdict.passed ? 'Passed' : 'FAILED'],
  ]
  const texts = sections.filter(lines => lines.length > 0)
  return `${texts.map(lines => lines.join('\n')).join('\n\n')}\n`
}

function comparisonLines(
  { product }: Findings,
  { disagreements }: Verdict,
): readonly string[] {
  if (product instanceof Error) return []
  if (disagreements.length === 0) return ['Viewers and Prometheus agree']
  return [
    'Viewers and Prometheus disagree',
    ...disagreements.map(text => `  ${text}`),
  ]
}

function rampLines({ ramp }: Findings): readonly string[] {
  if (ramp === undefined) return []
  return [`${viewersText(ramp.held)} can watch at once. Limit: ${ramp.limit}`]
}

function viewerLines(
  { statuses, totals }: Findings,
  { faults }: Verdict,
): readonly string[] {
  const { video, audio, lost, longestGap } = sumUp(statuses)
  const pictures = statuses.flatMap(each => each.firstPicture ?? [])
  const slowest = pictures.length === 0 ? NaN : Math.max(...pictures)
  const played = statuses.length - faults.length
  const more = faults.length - MAX_FAULTS
  return [
    row('played all the time', `${played} of ${statuses.length}`),
    ...faults
      .slice(0, MAX_FAULTS)
      .map(
        ({ viewer, stream, text }) =>
          `    viewer ${viewer} (${stream}): ${text}`,
      ),
    ...(more > 0 ? [`    and ${more} more`] : []),
    row('first picture', `after ${secondsText(slowest)} at most`),
    row('RTP packets', `${video} video, ${audio} audio`),
    row('lost', `${lost}`),
    row('longest gap', secondsText(longestGap)),
    row('totals', totalsText(totals)),
  ]
}

function productLines({ product }: Findings): readonly string[] {
  if (product instanceof Error) return [`  ${product.message}`]
  const { evidence, totals } = product
  const { firstLine, peers, p50, p95, legFailures, errors, alerts } = evidence
  const list = (items: readonly string[]) => items.join(', ') || 'none'
  const lines = firstLine.map(({ text, share }) =>
    firstLine.length === 1 ? text : `${text} ${(share * 100).toFixed(0)} %`,
  )
  const viewers = [...peers].map(([stream, n]) => `${stream} ${n}`)
  return [
    row('first line', list(lines)),
    row('viewers at the end', list(viewers)),
    row(
      'ICE establishment',
      `p50 ${secondsText(p50)}, p95 ${secondsText(p95)}`,
    ),
    row('leg failures', list(legFailures)),
    row('WHEP error codes', list(errors)),
    row('alerts', list(alerts)),
    row('totals', totalsText(totals)),
  ]
}

function totalsText({ joined, connected, left }: Totals): string {
  return `${joined} joined, ${connected} connected, ${left} left`
}

function usageLines({ product, usages }: Findings): readonly string[] {
  const exporter =
    product instanceof Error ? undefined : product.evidence.exporter
  const hasMedia = usages.some(({ name }) => name === 'media process')
  const own = usages.map(usage =>
    row(usage.name, `${percent(usage.cpu)}, ${megabytes(usage.peakBytes)}`),
  )
  return [
    row(
      'exporter',
      `${percent(exporter?.cpu)}, ${megabytes(exporter?.memoryBytes)} (Prometheus)`,
    ),
    ...(hasMedia ? [] : [row('media process', 'not on this machine')]),
    ...own,
    ...(hasMedia
      ? ['  The viewers run on the same machine and take CPU from the product.']
      : []),
  ]
}

/** Such as `1 viewer`. */
function viewersText(count: number): string {
  return `${count} viewer${count === 1 ? '' : 's'}`
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(20)} ${value}`
}

function secondsText(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return 'unknown'
  return `${value.toFixed(value < 1 ? 3 : 1)} s`
}

function percent(share: number | undefined): string {
  return share === undefined ? 'unknown' : `${(share * 100).toFixed(1)} %`
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${(bytes / 1e6).toFixed(0)} MB`
}
