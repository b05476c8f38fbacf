import type { MediaKind } from 'mediasoup/types'

import type { ExternalWebrtc, ManagedWebrtc } from './webrtc-config.ts'

/** Who makes what a leg carries: our encoder, the input or another sender. */
export type LegOrigin = 'encoded' | 'copied' | 'external'

export function legOrigin(
  config: ManagedWebrtc | ExternalWebrtc,
  kind: MediaKind,
): LegOrigin {
  if (config.ingest === 'external') return 'external'
  return config[kind].codec === 'copy' ? 'copied' : 'encoded'
}
