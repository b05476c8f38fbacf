import type { Check } from './check.ts'
import { fetchText } from './http.ts'
import { liveStream, type WhepOptions } from './whep.ts'

/** As in prom/prometheus.yml, seconds. */
const SCRAPE_TIMEOUT_S = 15
/** The exporter ends a stuck probe a little later. */
const RESPONSE_TIMEOUT_MS = 20_000

/**
 * Checks that the exporter can play a stream as a viewer does. Passes if probes
 * are off.
 */
export function probeCheck(metricsUrl: string, options: WhepOptions): Check {
  return {
    title: 'probe',
    run: async () => {
      const id = options.stream ?? (await liveStream(options))
      const url = new URL('/probe', metricsUrl)
      url.searchParams.set('stream', id)
      return options.retry(() => play(url.href, id))
    },
  }
}

async function play(url: string, id: string): Promise<string> {
  const { status, text } = await fetchText(url, {
    headers: { 'X-Prometheus-Scrape-Timeout-Seconds': `${SCRAPE_TIMEOUT_S}` },
    timeoutMs: RESPONSE_TIMEOUT_MS,
  })
  if (status === 404 && text.includes('EXPORTER_PROBE_URL')) {
    return 'off, since EXPORTER_PROBE_URL is empty'
  }
  if (status !== 200) throw new Error(`${url} returned ${status}: ${text}`)
  const [reason] = readLabels(text, 'failure', 'reason')
    .filter(({ value }) => value === 1)
    .map(({ label }) => label)
  const phases = readLabels(text, 'duration_seconds', 'phase')
  const times = phases
    .map(({ label, value }) => `${label} ${value.toFixed(3)} s`)
    .join(', ')
  if (reason !== undefined) {
    throw new Error(
      `${id} cannot be played: ${reason}, after ${times || '0 s'}`,
    )
  }
  const total = phases.reduce((sum, { value }) => sum + value, 0)
  return `${id} plays after ${total.toFixed(3)} s: ${times}`
}

/** The samples of a probe metric, by one of its labels. */
function readLabels(text: string, metric: string, label: string) {
  const sample = new RegExp(
    `^dragonfork_probe_${metric}\\{.*\\b${label}="(\\w+)".*\\} (\\S+)$`,
    'gm',
  )
  return [...text.matchAll(sample)].map(([, name = '', value]) => ({
    label: name,
    value: Number(value),
  }))
}
