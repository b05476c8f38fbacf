import t from 'tap'

import { audioOutput, videoOutput } from '../../../ingest/run/ffmpeg-output.ts'
import { planLegs } from '../../../ingest/leg-plan.ts'
import { managedConfig } from '../../fixtures/media-stack.ts'
import { LIVE } from '../../fixtures/live-output.ts'

const PORTS = { rtp: 40_002, rtcp: 40_003, localRtp: 40_000, localRtcp: 40_001 }
const ADDRESS =
  'rtp://127.0.0.1:40002?rtcpport=40003&localrtpport=40000' +
  '&localrtcpport=40001&pkt_size=1200&connect=1'

function outputs(webrtc: object, settings = LIVE) {
  const config = managedConfig(webrtc)
  return planLegs(config).map(plan => {
    const output = { plan, ports: PORTS, cname: 'cam', firstSequence: 700 }
    const args =
      plan.kind === 'video'
        ? videoOutput(config.video, output, settings)
        : audioOutput(config.audio, output, settings)
    return args.join(' ')
  })
}

const REALTIME = '-start_time_realtime 1764000000123000'

/** Removes the filters, which the test of filters covers. */
function withoutFilters(line = ''): string {
  return line.replace(/-([va])f \S+/, '-$1f ...')
}

// These exact arguments were played end to end.
await t.test('videoOutput() and audioOutput() encode H264 and Opus', t => {
  t.same(outputs({}).map(withoutFilters), [
    '-an -sn -dn -c:v libx264 -preset veryfast -tune zerolatency ' +
      '-profile:v baseline -bf 0 -sc_threshold 0 -x264-params force-cfr=0:fps=60 ' +
      '-vf ... -fps_mode vfr -enc_time_base 1/90000 -g 100000 ' +
      '-force_key_frames ' +
      'expr:isnan(prev_forced_t)+gte(t,prev_forced_t+0.95) ' +
      `-b:v 1500k -maxrate 1500k -bufsize 750k ${REALTIME} ` +
      `-f rtp -payload_type 102 -ssrc 2222 -seq 700 -cname cam ${ADDRESS}`,
    '-vn -sn -dn -c:a libopus -b:a 96k -ac 2 -ar 48000 -frame_duration 20 ' +
      `-af ... ${REALTIME} ` +
      `-f rtp -payload_type 111 -ssrc 1111 -seq 700 -cname cam ${ADDRESS}`,
  ])
  t.end()
})

await t.test('outputs use the configured bitrate and frame rate', t => {
  const [video, audio] = outputs({
    video: { codec: 'vp8', bitrate_kbit: 801, fps: 25 },
    audio: { bitrate_kbit: 64 },
  })
  t.match(video, "select='if(gte(t,ld(0)-0.5/25),st(0,max(t,ld(0))+1/25))'")
  t.match(video, ' -b:v 801k -maxrate 801k -bufsize 401k ')
  t.match(video, ' -f rtp -payload_type 96 ')
  t.match(audio, '-c:a libopus -b:a 64k ')
  t.end()
})

await t.test(
  'filters repair timestamps, and pace and deinterlace if set',
  t => {
    const [video = '', audio = ''] = outputs({})
    t.match(video, /-vf settb=1\/90000,setpts='[^']+',select='[^']+',scale=/)
    t.match(video, /,setsar=1,format=yuv420p -fps_mode /)
    t.match(audio, /-af asetpts='[^']+',aresample=48000:async=1000 /)
    const [pacedVideo, pacedAudio] = outputs(
      {},
      { ...LIVE, arrival: 'read', paced: true, deinterlace: true },
    )
    t.match(pacedVideo, ",realtime=limit=35,select='")
    t.match(
      pacedVideo,
      ',setsar=1,bwdif=mode=send_frame:deint=interlaced,format=',
    )
    t.match(pacedAudio, ',arealtime=limit=35,aresample=')
    t.notMatch(pacedVideo, 'RTCTIME-', 'no wall clock for arrival `read`')
    t.end()
  },
)

await t.test('options of the operator come after those of the server', t => {
  const [video, audio] = outputs({
    video: {
      options: ['-g', '50', '-vf', 'hflip', '-x264-params', 'aq-mode=0'],
    },
    audio: { options: ['-ac', '1', '-af', 'volume=2'] },
  })
  t.match(video, '-x264-params force-cfr=0:fps=60:aq-mode=0 ')
  t.match(video, ',setsar=1,hflip,format=yuv420p -fps_mode ')
  t.match(video, ` -bufsize 750k -g 50 ${REALTIME} -f rtp -payload_type 102 `)
  t.match(audio, /',volume=2,aresample=48000:async=1000 -ac 1 -start_time_/)
  t.end()
})

await t.test('another encoder gets no options of x264', t => {
  const [nvenc = ''] = outputs({ video: { options: ['-c:v', 'h264_nvenc'] } })
  t.notMatch(nvenc, /zerolatency (?!1)|veryfast|x264/)
  t.match(
    nvenc,
    ' -c:v h264_nvenc -preset p4 -tune ll -profile:v baseline -bf 0 -forced-idr 1 ',
  )
  t.match(nvenc, ',format=yuv420p|nv12 -fps_mode ')
  const [vaapi = ''] = outputs({
    video: { options: ['-c:v', 'h264_vaapi', '-vf', 'format=nv12,hwupload'] },
  })
  t.match(vaapi, ',setsar=1,format=nv12,hwupload,null -fps_mode ')
  t.notMatch(vaapi, 'yuv420p')
  const [other = ''] = outputs({ video: { options: ['-c:v', 'h264_amf'] } })
  t.match(other, ' -c:v h264_amf -bf 0 -vf ')
  t.end()
})

await t.test('videoOutput() maps the given stream', t => {
  const [video] = outputs({}, { ...LIVE, map: '0:V:0' })
  t.match(video, /^-map 0:V:0 -c:v libx264 /)
  t.end()
})

await t.test('copied H264 carries its parameter sets in the stream', t => {
  const [video, audio] = outputs({ video: 'copy', audio: 'copy' })
  t.match(
    video,
    '-c:v copy -bsf:v h264_mp4toannexb,dump_extra=freq=keyframe ' +
      `${REALTIME} -f rtp`,
  )
  t.match(
    audio,
    `-vn -sn -dn -c:a copy -bsf:a opus_metadata ${REALTIME} -f rtp`,
  )
  t.end()
})

await t.test('a leg with codec none has no output', t => {
  t.equal(outputs({ audio: 'none' }).length, 1)
  t.match(outputs({ video: 'none' }), [/^-vn /])
  t.end()
})
