/** Label matchers for the dashboard's variables, without the braces. */

/** For families without `stream_id`. */
export const OF_CORE = 'core="$core"'

/** For families with `stream_id`. */
export const OF_STREAM = `${OF_CORE},stream_id=~"$stream"`
