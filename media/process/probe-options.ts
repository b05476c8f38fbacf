/** Input options of FFmpeg that ffprobe lacks, each with a value. */
const WITH_VALUE =
  /^-(?:stream_loop|ss|sseof|t|to|itsoffset|itsscale|isync|seek_timestamp|thread_queue_size|r|readrate|readrate_initial_burst|readrate_catchup|hwaccel|hwaccel_device|hwaccel_output_format|discard|reinit_filter|(?:c|codec|tag|display_rotation)(?::.*)?|[vas]codec)$/
/** The same, without a value. */
const WITHOUT_VALUE =
  /^-(?:re|(?:no)?(?:accurate_seek|autorotate|copyts|display_hflip|display_vflip)|vn|an|sn|dn)$/

/** The input options that ffprobe has too, such as `-rtsp_transport tcp`. */
export function ffprobeOptions(options: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (let at = 0; at < options.length; at++) {
    const option = options[at] ?? ''
    if (WITH_VALUE.test(option)) at++
    else if (!WITHOUT_VALUE.test(option)) kept.push(option)
  }
  return kept
}
