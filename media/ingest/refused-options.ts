/**
 * The output options of FFmpeg that a leg cannot have, and why. FFmpeg's own
 * options (`ffmpeg -h long`) are complete up to 7.1, except for those that
 * encoder-options.ts accepts; all others are options of encoders. None of the
 * accepted ones is a switch: each takes a value.
 */

const REFUSED: readonly (readonly [reason: string, names: string])[] = [
  [
    'the server sets where and how RTP is sent',
    'f target payload_type ssrc seq cname rtpflags start_time_realtime ' +
      'sdp_file ttl buffer_size rtcp_port local_rtpport local_rtcpport ' +
      'connect write_to_source pkt_size dscp timeout sources block localaddr ' +
      'bitrate burst_bits localport local_port udplite_coverage reuse ' +
      'reuse_socket broadcast fifo_size overrun_nonfatal avioflags packetsize ' +
      'fflags fdebug max_delay audio_preload chunk_duration chunk_size ' +
      'flush_packets metadata_header_padding max_interleave_delta f_strict ' +
      'dump_separator muxdelay muxpreload max_muxing_queue_size ' +
      'muxing_queue_data_threshold',
  ],
  [
    'the server selects the stream',
    'map map_channel map_metadata map_chapters vn an sn dn discard program ' +
      'stream_group streamid disposition copyinkf copypriorss ' +
      'ignore_unknown copy_unknown recast_media',
  ],
  [
    'it would end the stream',
    't to fs frames vframes aframes dframes shortest shortest_buf_duration ' +
      'timelimit',
  ],
  [
    'the server sets the timestamps',
    'ss sseof seek_timestamp accurate_seek itsoffset itsscale isync copyts ' +
      'start_at_zero copytb vsync fps_mode async adrift_threshold ' +
      'frame_drop_threshold dts_delta_threshold dts_error_threshold ' +
      'enc_time_base time_base output_ts_offset avoid_negative_ts force_fps ' +
      'timestamp timecode apad',
  ],
  [
    'it belongs to the options of an input',
    'i re readrate readrate_initial_burst stream_loop find_stream_info ' +
      'thread_queue_size hwaccel hwaccel_device hwaccel_output_format ' +
      'autorotate reinit_filter guess_layout_max dump_attachment ' +
      'display_rotation display_hflip display_vflip apply_cropping ' +
      'fix_sub_duration canvas_size',
  ],
  [
    'it belongs to the options of the process',
    'y n v loglevel report max_alloc cpuflags cpucount hide_banner benchmark ' +
      'benchmark_all progress stdin stats stats_period dump hex xerror ' +
      'abort_on filter_threads filter_complex_threads ' +
      'auto_conversion_filters debug_ts max_error_rate vaapi_device ' +
      'qsv_device init_hw_device filter_hw_device psnr qphist',
  ],
  [
    'FFmpeg would print something and exit',
    'L h ? help -help version buildconf formats muxers demuxers devices ' +
      'codecs decoders encoders bsfs protocols filters pix_fmts layouts ' +
      'sample_fmts dispositions colors sinks hwaccels',
  ],
  [
    'it reads or writes files',
    'pass passlogfile attach pre vpre apre spre fpre filter_script ' +
      'filter_complex_script vstats vstats_file vstats_version ' +
      'stats_enc_pre stats_enc_post stats_mux_pre stats_enc_pre_fmt ' +
      'stats_enc_post_fmt stats_mux_pre_fmt',
  ],
  ['use -vf or -af, with one chain of filters', 'filter_complex lavfi'],
  ['use webrtc.video.fps', 'r fpsmax'],
  ['use webrtc.video.height, or the filter scale', 's'],
  ['browsers assume square pixels', 'aspect'],
  ['video is made progressive', 'top'],
  ['Opus in RTP is always 48 kHz', 'ar'],
  ['use -ac', 'ch_layout channel_layout'],
  ['use -af volume', 'vol'],
  [
    'it has no effect on a leg',
    'metadata tag vtag atag stag scodec dcodec fix_sub_duration_heartbeat ' +
      'bitexact autoscale',
  ],
]

const REASONS: ReadonlyMap<string, string> = new Map(
  REFUSED.flatMap(([reason, names]) =>
    names.split(' ').map(name => [name, reason] as const),
  ),
)

/**
 * Returns why a leg cannot have the option, in words; undefined: it can.
 * @param name without the dash and the stream specifier
 */
export function refusalOf(name: string): string | undefined {
  // FFmpeg 7 reads the value of `-/name` from a file.
  if (name.startsWith('/')) return 'it reads or writes files'
  const positive = name.startsWith('no') ? name.slice(2) : name
  return REASONS.get(name) ?? REASONS.get(positive)
}
