/** Limits of the link between media process and exporter, and of both ends. */

/** Interval between snapshots when nothing changes, milliseconds. */
export const SNAPSHOT_INTERVAL_MS = 5_000

/** Age from which a snapshot is no longer exposed, milliseconds. */
export const MAX_SNAPSHOT_AGE_MS = 3 * SNAPSHOT_INTERVAL_MS

/** Minimum interval between batches, milliseconds. */
export const BATCH_INTERVAL_MS = 75

/** Maximum size of a frame, bytes; a larger one closes the connection. */
export const MAX_FRAME_BYTES = 1280 * 1024

/**
 * Maximum number of cells in a batch; further ones go into the next batch. And
 * of streams in a snapshot; further ones are left out. Both fit into a frame.
 */
export const MAX_CELLS_PER_BATCH = 1_000
export const MAX_STREAMS_PER_SNAPSHOT = 5_000

/** Maximum rate of a media process, averaged over ten seconds. */
export const MAX_FRAMES_PER_SECOND = 50

/** Silence after which either end pings the other, milliseconds. */
export const PING_INTERVAL_MS = 5_000

/** Silence after which either end drops the connection, milliseconds. */
export const SILENCE_TIMEOUT_MS = 15_000

/** How long the series of a removed stream are kept, milliseconds. */
export const SERIES_RETENTION_MS = 15 * 60_000

/** Maximum number of cells; observations beyond are counted as lost. */
export const MAX_CELLS = 50_000

/**
 * Maximum number of series of a stream, and of the exporter in total; cells
 * beyond are rejected and counted. Three routes with every code in use make 62.
 */
export const MAX_SERIES_PER_STREAM = 256
export const MAX_SERIES = 2 * MAX_CELLS

/** Maximum number of streams in the exporter's ledger, in any state. */
export const MAX_KNOWN_STREAMS = 2 * MAX_STREAMS_PER_SNAPSHOT
