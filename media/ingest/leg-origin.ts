import type { MediaKind } from 'mediasoup/types'

import type { ExternalWebrtc, ManagedWebrtc } from './webrtc-config.ts'

/** Who encoded a leg: our FFmpeg, the source it copies, or another sender. */
export type LegOrigin = 'encoded' | 'copied' | 'external'

export function legOrigin(
  config: ManagedWebrtc | ExternalWebrtc,
  kind: MediaKind,
): LegOrigin {
  if (config.ingest === 'external') return 'external'
  return config[kind].codec === 'copy' ? 'copied' : 'encoded'
}
