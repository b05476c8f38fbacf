import { FAMILY_NAMES, familyOf } from '../../shared/protocol/catalogue.ts'
import type { Check } from './check.ts'
import { ask, type Patiently } from './http.ts'

/** Whether /metrics is whole: all families, and one `core` on every sample. */
export function exporterCheck(
  metricsUrl: string,
  core: string,
  patiently: Patiently,
): Check {
  return {
    title: 'exporter',
    run: () =>
      patiently(async () => {
        const { status, text } = await ask(metricsUrl)
        if (status !== 200) throw new Error(`${metricsUrl} answers ${status}`)
        if (!/^dragonfork_exporter_media_connected(\{.*\})? 1$/m.test(text)) {
          throw new Error('the media process is not connected to it')
        }
        checkFamilies(text)
        checkCore(text, core)
        return `${FAMILY_NAMES.length} families, each sample with core="${core}"`
      }),
  }
}

function checkFamilies(text: string): void {
  const told = [...text.matchAll(/^# TYPE (dragonfork_webrtc_\w+) (\w+)$/gm)]
  const types = new Map(told.map(([, name, type]) => [name, type]))
  const missing = FAMILY_NAMES.filter(
    name => types.get(name) !== familyOf(name).type,
  )
  if (missing.length > 0) throw new Error(`lacks ${missing.join(', ')}`)
  if (types.size !== FAMILY_NAMES.length) {
    throw new Error(`has ${types.size} families, not ${FAMILY_NAMES.length}`)
  }
}

function checkCore(text: string, core: string): void {
  const samples = text.match(/^dragonfork_webrtc_.*$/gm) ?? []
  if (samples.length === 0) throw new Error('has no samples')
  const wrong = samples.find(sample => !sample.includes(`core="${core}"`))
  if (wrong !== undefined) {
    throw new Error(`core should be "${core}" on every sample: ${wrong}`)
  }
}
