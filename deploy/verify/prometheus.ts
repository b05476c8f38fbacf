import type { Check } from './check.ts'
import { askJson, type Patiently } from './http.ts'

/** Alerts of prom/rules/. */
export const ALERTS = [
  'WebRTCWHEPErrorRateHigh',
  'WebRTCICEEstablishmentSlow',
  'WebRTCICEFailureRateHigh',
  'WebRTCFFmpegLegFailure',
  'WebRTCExporterDown',
  'WebRTCMediaNotConnected',
  'WebRTCSnapshotStale',
  'WebRTCObservationsLost',
  'WebRTCObservationsRejected',
  'WebRTCSeriesRejected',
  'WebRTCStateNotKept',
] as const

interface Targets {
  readonly data: {
    readonly activeTargets: readonly {
      readonly health: string
      readonly scrapeUrl: string
      readonly lastError: string
    }[]
  }
}

interface Rules {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly name: string
        readonly health: string
        readonly state: string
        readonly lastError?: string
      }[]
    }[]
  }
}

interface Vector {
  readonly data: {
    readonly result: readonly { readonly value: readonly [number, string] }[]
  }
}

/** The sum of an instant query's samples; 0 when there are none. */
export async function sumOf(promUrl: string, expr: string): Promise<number> {
  const query = new URLSearchParams({ query: expr })
  const { data } = await askJson<Vector>(
    `${promUrl}/api/v1/query?${query.toString()}`,
  )
  return data.result.reduce((sum, { value }) => sum + Number(value[1]), 0)
}

/** Whether every target is scraped, and `core` is the box's. */
export function targetsCheck(
  promUrl: string,
  core: string,
  patiently: Patiently,
): Check {
  return {
    title: 'Prometheus targets',
    run: () =>
      patiently(async () => {
        const { data } = await askJson<Targets>(`${promUrl}/api/v1/targets`)
        const targets = data.activeTargets
        const down = targets.find(({ health }) => health !== 'up')
        if (down !== undefined) {
          throw new Error(
            `${down.scrapeUrl} is ${down.health}: ${down.lastError}`,
          )
        }
        if (targets.length === 0) throw new Error('there are none')
        await checkExternalLabel(promUrl, core)
        return `${targets.length} up, external label core="${core}"`
      }),
  }
}

async function checkExternalLabel(promUrl: string, core: string) {
  const { data } = await askJson<{ data: { yaml: string } }>(
    `${promUrl}/api/v1/status/config`,
  )
  const label = /external_labels:\n\s+core: (.*)/.exec(data.yaml)?.[1]
  if (label !== core) {
    throw new Error(`external label core is ${label ?? 'not set'}, not ${core}`)
  }
}

/** Whether all rules are loaded and were evaluated without error. */
export function rulesCheck(promUrl: string, patiently: Patiently): Check {
  return {
    title: 'Prometheus rules',
    run: () =>
      patiently(async () => {
        const { data } = await askJson<Rules>(`${promUrl}/api/v1/rules`)
        const rules = data.groups.flatMap(group => group.rules)
        const names = rules.map(({ name }) => name)
        const missing = ALERTS.filter(name => !names.includes(name))
        if (missing.length > 0) throw new Error(`not there: ${missing.join()}`)
        const ill = rules.find(({ health }) => health !== 'ok')
        if (ill !== undefined) {
          throw new Error(
            `${ill.name} is ${ill.health}: ${ill.lastError ?? ''}`,
          )
        }
        const firing = rules.filter(({ state }) => state === 'firing')
        const now = firing.map(({ name }) => name).join(', ') || 'none'
        return `${rules.length} healthy, firing: ${now}`
      }),
  }
}
