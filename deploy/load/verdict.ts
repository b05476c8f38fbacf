import { TOTALS, type Totals } from './totals.ts'
import type { Evidence } from './evidence.ts'
import type { Usage } from './meter.ts'
import type { RampResult } from './ramp.ts'
import { faultOf, type ViewerStatus } from './viewers/status.ts'

/** The product during a run, by Prometheus. */
export interface Product {
  readonly evidence: Evidence
  /** Counted by the exporter since the start of the run. */
  readonly totals: Totals
}

/** All that a run found. */
export interface Findings {
  readonly url: string
  readonly streams: readonly string[]
  readonly seconds: number
  readonly statuses: readonly ViewerStatus[]
  /** Viewers that were connected when Prometheus was read. */
  readonly watching: number
  /** Counted by the viewers. */
  readonly totals: Totals
  /** What Prometheus has; an error if it could not be read. */
  readonly product: Product | Error
  readonly usages: readonly Usage[]
  /** Undefined: the number of viewers did not change. */
  readonly ramp: RampResult | undefined
}

export interface Fault {
  readonly viewer: number
  readonly stream: string
  readonly text: string
}

export interface Verdict {
  readonly passed: boolean
  /** Viewers that did not play all the time. */
  readonly faults: readonly Fault[]
  /** Where viewers and Prometheus disagree. */
  readonly disagreements: readonly string[]
}

/**
 * A run passes if all viewers played all the time and the first line was OK
 * throughout; a ramp, whose purpose is to end that, if its first step did.
 */
export function judge(findings: Findings): Verdict {
  const faults = findings.statuses.flatMap(status => {
    const { viewer, stream } = status
    const text = textOf(status)
    return text === undefined ? [] : [{ viewer, stream, text }]
  })
  const { product } = findings
  const hasProduct = !(product instanceof Error)
  const wasOk = hasProduct && firstLineWasOk(product.evidence)
  const passed =
    findings.ramp === undefined
      ? faults.length === 0 && findings.statuses.length > 0 && wasOk
      : findings.ramp.held > 0
  return {
    passed,
    faults,
    disagreements: hasProduct ? disagreements(findings, product, faults) : [],
  }
}

/** An interrupted viewer has not played, though nothing may be at fault. */
function textOf(status: ViewerStatus): string | undefined {
  const hasNoPicture = status.firstPicture === undefined
  return (
    faultOf(status) ??
    (hasNoPicture ? 'no picture when the run ended' : undefined)
  )
}

/** Whether the first line was OK each time that Prometheus evaluated it. */
function firstLineWasOk({ firstLine }: Evidence): boolean {
  return firstLine.length > 0 && firstLine.every(({ text }) => text === 'OK')
}

function disagreements(
  { statuses, watching, totals, ramp }: Findings,
  product: Product,
  faults: readonly Fault[],
): readonly string[] {
  const found: string[] = []
  for (const name of TOTALS) {
    const own = totals[name]
    const counted = product.totals[name]
    if (own === counted) continue
    found.push(`viewers that ${name}: ${own}, Prometheus counted ${counted}`)
  }
  const peers = [...product.evidence.peers.values()].reduce(
    (sum, n) => sum + n,
    0,
  )
  if (peers !== watching) {
    found.push(`viewers at the end: ${watching}, Prometheus had ${peers}`)
  }
  const wasOk = firstLineWasOk(product.evidence)
  // A ramp may end in a refusal, and the first line shows none: a full server
  // is healthy.
  const refused =
    ramp === undefined ? 0 : statuses.filter(wasRefusedAsFull).length
  const failed = faults.length - refused
  if (failed > 0 && wasOk) {
    found.push(`viewers did not play (${failed}), the first line was OK`)
  }
  if (failed === 0 && statuses.length > 0 && !wasOk) {
    found.push('all viewers played, the first line was not OK')
  }
  return found
}

/** Whether the POST got 503: a cap is reached, or no port is free. */
function wasRefusedAsFull({ posted, end }: ViewerStatus): boolean {
  return posted === 503 && end !== undefined
}
