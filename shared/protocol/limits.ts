/** What both ends of the link hold each other to. */

/** Time between two snapshots when nothing changes, milliseconds. */
export const SNAPSHOT_INTERVAL_MS = 5_000

/** Snapshots of at least this age are no longer shown, milliseconds. */
export const SNAPSHOT_MAX_AGE_MS = 3 * SNAPSHOT_INTERVAL_MS

/** At most one batch goes out per so many milliseconds. */
export const BATCH_INTERVAL_MS = 100

/** Longest frame in bytes; a longer one closes the connection. */
export const MAX_FRAME_BYTES = 1280 * 1024

/**
 * Most cells in one batch, and most streams in one snapshot: what is more
 * goes into the next batch, or is not told. Both fit MAX_FRAME_BYTES.
 */
export const MAX_CELLS_PER_BATCH = 1_000
export const MAX_STREAMS_PER_SNAPSHOT = 5_000

/** Most frames a source may send in a second, on average over ten. */
export const MAX_FRAMES_PER_SECOND = 50

/** Both ends ping after so long a silence of the other, milliseconds. */
export const PING_INTERVAL_MS = 5_000

/** A peer that is silent for so long is cut off, milliseconds. */
export const SILENCE_LIMIT_MS = 15_000

/** Series of a removed stream are kept for so long, milliseconds. */
export const SERIES_RETENTION_MS = 15 * 60_000

/** Most cells of the media process; observations beyond are lost, counted. */
export const MAX_CELLS = 50_000

/**
 * Most series of one stream, and of the exporter in all; what is beyond is
 * refused and counted. Three routes with every code in use make 62.
 */
export const MAX_SERIES_PER_STREAM = 256
export const MAX_SERIES = 2 * MAX_CELLS

/** Most streams the exporter remembers, with the removed and overflowing. */
export const MAX_KNOWN_STREAMS = 2 * MAX_STREAMS_PER_SNAPSHOT
