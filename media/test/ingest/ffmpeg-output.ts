import t from 'tap'

import { audioOutput, videoOutput } from '../../ingest/ffmpeg-output.ts'
import { planLegs } from '../../ingest/leg-plan.ts'
import { managedConfig } from '../fixtures/media-stack.ts'

const PORTS = { rtp: 40_002, rtcp: 40_003, localRtp: 40_000, localRtcp: 40_001 }
const ADDRESS =
  'rtp://127.0.0.1:40002?rtcpport=40003&localrtpport=40000' +
  '&localrtcpport=40001&pkt_size=1200&connect=1'

function outputs(webrtc: object) {
  const config = managedConfig(webrtc)
  return planLegs(config).map(plan => {
    const output = { plan, ports: PORTS, cname: 'cam', firstSequence: 700 }
    const args =
      plan.kind === 'video'
        ? videoOutput(config.video, output)
        : audioOutput(config.audio, output)
    return args.join(' ')
  })
}

// The lines that were decoded end to end, to the letter.
await t.test('H264 and Opus are encoded', t => {
  t.same(outputs({}), [
    '-an -sn -dn -c:v libx264 -preset veryfast -tune zerolatency ' +
      '-profile:v baseline -pix_fmt yuv420p -bf 0 -sc_threshold 0 ' +
      '-fpsmax 60 -g 120 -force_key_frames expr:gte(t,n_forced) ' +
      '-b:v 1500k -maxrate 1500k -bufsize 750k ' +
      `-f rtp -payload_type 102 -ssrc 2222 -seq 700 -cname cam ${ADDRESS}`,
    '-vn -sn -dn -c:a libopus -b:a 96k -ac 2 -ar 48000 -frame_duration 20 ' +
      `-f rtp -payload_type 111 -ssrc 1111 -seq 700 -cname cam ${ADDRESS}`,
  ])
  t.end()
})

await t.test('bitrate and frame rate are taken from the configuration', t => {
  const [video, audio] = outputs({
    video: { codec: 'vp8', bitrate_kbit: 801, fps: 25 },
    audio: { bitrate_kbit: 64 },
  })
  t.match(video, '-r 25 -g 25 -keyint_min 25 -b:v 801k -maxrate 801k')
  t.match(video, '-bufsize 401k -f rtp -payload_type 96 ')
  t.match(audio, '-c:a libopus -b:a 64k ')
  t.end()
})

await t.test('copied H264 has its parameter sets in the stream', t => {
  const [video, audio] = outputs({ video: 'copy', audio: 'copy' })
  t.match(
    video,
    '-c:v copy -bsf:v h264_mp4toannexb,dump_extra=freq=keyframe -f rtp',
  )
  t.match(audio, '-vn -sn -dn -c:a copy -bsf:a opus_metadata -f rtp')
  t.end()
})

await t.test('a kind that the stream lacks has no output', t => {
  t.equal(outputs({ audio: 'none' }).length, 1)
  t.match(outputs({ video: 'none' }), [/^-vn /])
  t.end()
})
