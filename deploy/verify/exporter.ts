import { FAMILY_NAMES, familyOf } from '../../shared/protocol/catalogue.ts'
import type { Check } from './check.ts'
import { fetchText, type Retry } from './http.ts'

/** Checks that /metrics has all families, and `core` on every sample. */
export function exporterCheck(
  metricsUrl: string,
  core: string,
  retry: Retry,
): Check {
  return {
    title: 'exporter',
    run: () =>
      retry(async () => {
        const { status, text } = await fetchText(metricsUrl)
        if (status !== 200) throw new Error(`${metricsUrl} returned ${status}`)
        if (!/^dragonfork_exporter_media_connected(\{.*\})? 1$/m.test(text)) {
          throw new Error('the media process is not connected to the exporter')
        }
        checkFamilies(text)
        checkCore(text, core)
        return `${FAMILY_NAMES.length} families, every sample with core="${core}"`
      }),
  }
}

function checkFamilies(text: string): void {
  const lines = text.matchAll(/^# TYPE (dragonfork_webrtc_\w+) (\w+)$/gm)
  const types = new Map([...lines].map(([, name, type]) => [name, type]))
  const missing = FAMILY_NAMES.filter(
    name => types.get(name) !== familyOf(name).type,
  )
  if (missing.length > 0) {
    throw new Error(`/metrics lacks ${missing.join(', ')}`)
  }
  if (types.size !== FAMILY_NAMES.length) {
    throw new Error(
      `/metrics has ${types.size} families, expected ${FAMILY_NAMES.length}`,
    )
  }
}

function checkCore(text: string, core: string): void {
  const samples = text.match(/^dragonfork_webrtc_.*$/gm) ?? []
  if (samples.length === 0) throw new Error('/metrics has no samples')
  const wrong = samples.find(sample => !sample.includes(`core="${core}"`))
  if (wrong !== undefined) {
    throw new Error(`core should be "${core}" on every sample, got ${wrong}`)
  }
}
