/** Matchers of the dashboard's variables, to stand between braces. */

/** Families without `stream_id`. */
export const OF_CORE = 'core="$core"'

/** Families with `stream_id`. */
export const OF_STREAM = `${OF_CORE},stream_id=~"$stream"`
