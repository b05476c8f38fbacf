import type { Check } from './check.ts'
import { fetchJson, type Retry } from './http.ts'

/** The alerts in prom/rules/. */
export const ALERTS = [
  'WebRTCWHEPErrorRateHigh',
  'WebRTCICEEstablishmentSlow',
  'WebRTCICEFailureRateHigh',
  'WebRTCFFmpegLegFailure',
  'WebRTCProbeFailing',
  'WebRTCExporterDown',
  'WebRTCMediaNotConnected',
  'WebRTCSnapshotStale',
  'WebRTCObservationsLost',
  'WebRTCObservationsRejected',
  'WebRTCSeriesRejected',
  'WebRTCStateNotKept',
] as const

const PROBE_JOB = 'dragonfork-probe'

interface Targets {
  readonly data: {
    readonly activeTargets: readonly {
      readonly health: string
      readonly labels: { readonly job: string }
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

/** Returns the sum of the samples of an instant query; 0 without samples. */
export async function sumOf(promUrl: string, expr: string): Promise<number> {
  const query = new URLSearchParams({ query: expr })
  const { data } = await fetchJson<Vector>(
    `${promUrl}/api/v1/query?${query.toString()}`,
  )
  return data.result.reduce((sum, { value }) => sum + Number(value[1]), 0)
}

/** Checks that every target is up, and that the external label is `core`. */
export function targetsCheck(
  promUrl: string,
  core: string,
  retry: Retry,
): Check {
  return {
    title: 'Prometheus targets',
    run: () =>
      retry(async () => {
        const { data } = await fetchJson<Targets>(`${promUrl}/api/v1/targets`)
        // A probe counts after its first minute; a failed one is up, too.
        const targets = data.activeTargets.filter(
          ({ labels, health }) =>
            labels.job !== PROBE_JOB || health !== 'unknown',
        )
        const down = targets.find(({ health }) => health !== 'up')
        if (down !== undefined) {
          throw new Error(
            `${down.scrapeUrl} is ${down.health}: ${down.lastError}`,
          )
        }
        const probes = targets.filter(({ labels }) => labels.job === PROBE_JOB)
        if (targets.length === probes.length)
          throw new Error('there is no target')
        await checkExternalLabel(promUrl, core)
        return (
          `${targets.length} up, ${probes.length} of them probes, ` +
          `external label core="${core}"`
        )
      }),
  }
}

async function checkExternalLabel(promUrl: string, core: string) {
  const { data } = await fetchJson<{ data: { yaml: string } }>(
    `${promUrl}/api/v1/status/config`,
  )
  const label = /external_labels:\n\s+core: (.*)/.exec(data.yaml)?.[1]
  if (label !== core) {
    throw new Error(
      `external label core is ${label ?? 'not set'}, expected ${core}`,
    )
  }
}

/** Checks that all rules are loaded and evaluate without an error. */
export function rulesCheck(promUrl: string, retry: Retry): Check {
  return {
    title: 'Prometheus rules',
    run: () =>
      retry(async () => {
        const { data } = await fetchJson<Rules>(`${promUrl}/api/v1/rules`)
        const rules = data.groups.flatMap(group => group.rules)
        const names = rules.map(({ name }) => name)
        const missing = ALERTS.filter(name => !names.includes(name))
        if (missing.length > 0) {
          throw new Error(`missing: ${missing.join(', ')}`)
        }
        const unhealthy = rules.find(({ health }) => health !== 'ok')
        if (unhealthy !== undefined) {
          const { name, health, lastError = '' } = unhealthy
          throw new Error(`${name} is ${health}: ${lastError}`)
        }
        const firing = rules
          .filter(({ state }) => state === 'firing')
          .map(({ name }) => name)
        return `${rules.length} healthy, firing: ${firing.join(', ') || 'none'}`
      }),
  }
}
